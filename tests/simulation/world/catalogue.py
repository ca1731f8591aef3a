"""The catalogue of faults: what can go wrong, and the number of its row."""

from enum import Enum


class Fault(Enum):
    """A fault: its number, how often in a thousand chances, and what happens.

    The numbers are those of the project's list of faults.
    """

    # Processes
    DIES_BEFORE_BEGIN = 1, 4, "killed before a transaction begins"
    DIES_BEFORE_COMMIT = 20, 8, "killed inside a transaction: nothing of it stays"
    DIES_AFTER_COMMIT = 21, 8, "killed before it learns that its commit is durable"
    DIES_BEFORE_SEND = 2, 50, "killed between the attempt's commit and the send"
    DIES_AFTER_SEND = 3, 60, "killed between Stripe's taking and the answer"
    DIES_BETWEEN_PAGES = 6, 2, "killed in the middle of a pull"
    DIES_READING_METER = 5, 4, "killed while it reads from Stripe"
    DIES_WAITING = 13, 60, "killed while it waits to retry"
    DIES_AT_LOCK = 5, 8, "killed when it takes a customer's lock"
    STAYS_DEAD = 4, 250, "started again only a day later"
    CRASH_LOOP = 14, 150, "killed again at each start, a few times"
    TWO_DAEMONS = 11, 500, "two daemons work on one ledger"
    ZOMBIE = 12, 10, "paused so long that its lock is given to another"
    FROZEN = 12, 4, "paused for up to thirty hours with all it holds"
    FROZEN_BEFORE_SEND = 12, 50, "paused right before the request leaves"
    TOLD_TO_STOP = 13, 100, "told to stop in the middle of its work"
    # Database
    DB_LOCKED = 16, 6, "the database is locked by somebody else"
    DB_FULL = 17, 6, "the disk is full at the commit"
    DB_LOST_BEFORE_COMMIT = 20, 6, "the connection is lost before the commit"
    DB_LOST_IN_COMMIT = 21, 6, "the commit succeeds and its word is lost"
    # Time
    CLOCK_FORWARD = 31, 300, "the wall clock jumps forward"
    CLOCK_BACK = 31, 300, "the wall clock jumps back"
    CLOCK_SKEWED = 32, 300, "the machine's clock is off by minutes"
    MONTH_EDGE = 34, 500, "a month ends in the middle of it all"
    JOB_TWICE = 37, 150, "the hourly job fires twice"
    JOB_MISSED = 37, 200, "the hourly job does not fire for hours"
    # Stripe
    NO_CONNECTION = 38, 40, "the connection is refused"
    LOST_REQUEST = 39, 60, "a time-out, and Stripe took nothing"
    LOST_ANSWER = 39, 200, "a time-out after Stripe took the event"
    LATE_ARRIVAL = 39, 60, "Stripe takes the event long after the time-out"
    SERVER_ERROR = 40, 60, "a 5xx, and Stripe took nothing"
    SERVER_ERROR_TAKEN = 40, 60, "a 5xx, and Stripe took the event"
    STORED_500 = 40, 60, "a 500 that is kept under the idempotency key"
    CONFLICT = 41, 30, "a 409: the key is in use"
    RATE_LIMIT = 42, 60, "a 429: too many requests"
    LOCK_TIMEOUT = 42, 60, "a 429: another request holds the customer"
    REFUSED_AT_ONCE = 44, 15, "a 400 that names a fault of the event"
    KEY_REVOKED = 46, 200, "the API key is revoked for some hours"
    KEY_REFUSED = 46, 60, "a request is refused for its key"
    OTHER_ECHO = 47, 30, "a 200 that names another event"
    PROXY_PAGE = 47, 30, "a 404 with a page of a proxy's"
    OUTAGE = 40, 300, "Stripe is down for hours, for all"
    DEAF = 39, 300, "requests are lost for hours, while reads work"
    MUTE = 39, 300, "events are taken and never answered for hours"
    FORGETS_LATE = 48, 500, "identifiers are forgotten up to a day later"
    REJECTED_LATER = 49, 400, "an event is taken and thrown away later"
    SUMMARY_LAGS = 52, 500, "summaries lag up to two hours"
    SUMMARY_LAGS_LONG = 52, 200, "summaries lag up to six hours"
    SUMMARY_REGRESSES = 52, 300, "summaries forget events for some minutes"
    METER_READ_FAILS = 40, 30, "a read of Stripe's fails"
    CUSTOMER_UNSERVED = 46, 900, "what is asked of one customer is refused for days"
    METER_UNFIT = 55, 150, "the meter is deactivated for some hours"
    CUSTOMER_LATE = 49, 300, "a customer is created at Stripe only later"
    REMAPPED = 56, 250, "a customer gets another Stripe customer while rows wait"
    # People
    PERSON_RETRIES = 83, 250, "a person sends anew what was refused"
    PERSON_GIVES_UP = 83, 60, "a person gives up an event, whichever it is"
    PERSON_CLOSES = 83, 300, "a person closes the month, whether it may be or not"
    # Pamela
    CALL_WHILE_PAGING = 60, 150, "a new call appears between two pages"
    GONE_WHILE_PAGING = 61, 60, "a call vanishes between two pages"
    LYING_HAS_MORE = 62, 40, "has_more says the wrong thing"
    LYING_TOTAL = 62, 40, "total says the wrong thing"
    ENDLESS_LIST = 62, 20, "the list begins anew and never ends"
    STUCK_CALL = 63, 80, "a call stays in progress for a day"
    REVISED_UP = 64, 150, "a call becomes longer after it was billed"
    REVISED_DOWN = 64, 150, "a call becomes shorter after it was billed"
    MOVED_HOUR = 64, 60, "a call moves to another hour or month"
    MOVED_CUSTOMER = 64, 60, "a call moves to another customer"
    UNBILLED_LATER = 64, 60, "a billed call turns out never to have connected"
    DELETED = 65, 80, "a call is deleted at the source"
    CONNECTED_LATER = 66, 80, "a call gets its start only later"
    MALFORMED = 67, 80, "a record that cannot be understood, fixed later"
    TIMES_CONTRADICT = 67, 80, "a duration and times that contradict each other"
    TIMES_APART = 67, 500, "a call's end is nearly a minute off its duration"
    EARLIER_VERSION = 67, 400, "an earlier version, which compared no times, began"
    SWAPPED = 64, 500, "minutes move between customers, and the total stays"
    SWAPPED_IN_CLOSED = 64, 500, "the same in a month that is closed"
    OTHER_MINUTES = 68, 80, "Pamela's minutes are not by the rule"
    TWO_OF_ONE_ID = 69, 20, "one id on two records of a page"
    UNREADABLE_PAGE = 70, 15, "a page that makes no sense"
    LAPSED = 74, 200, "the subscription lapses for some hours"
    SOURCE_BUSY = 75, 40, "Pamela asks to slow down"
    SOURCE_DOWN = 70, 20, "Pamela does not answer"
    TOTALS_WRONG = 76, 150, "the source's own total is wrong"
    TOTALS_SILENT = 76, 100, "the source gives no total"
    SEEN_LATE = 60, 150, "a call is listed a day after it was made"
    UNKNOWN_CUSTOMER = 69, 60, "a call of a customer that nobody knows"
    PLANNED = 77, 80, "a call is created up to ninety days before it starts"
    FILTERED_BY_START = 78, 500, "the list's dates are those of the calls' starts"
    DATED_BACK = 79, 60, "a call is dated over any month's edge, up to forty days back"
    FIRST_MONTH = 80, 500, "the first billed month begins inside the time"
    NEVER_ENDS = 81, 40, "a call is in progress for ever"
    ID_REUSED = 82, 80, "an id is used again, for a call created at another time"
    # What stands beside
    FOREIGN_BEFORE = 89, 300, "somebody else reports to the meter before we do"
    FOREIGN_LATER = 89, 300, "somebody else reports to the meter for some hours"
    FOREIGN_AGAIN = 89, 400, "somebody else reports more of an hour of its own"
    PERSON_ADOPTS = 89, 500, "a person lets the minutes of somebody else be"
    NOT_STATED = 90, 250, "nobody stated that nothing else reports to the meter"
    HELD = 91, 300, "a person holds the sending, of all or of one customer"
    HOLD_STAYS = 91, 300, "nobody lifts a hold, to the very end"
    RESTORED = 92, 500, "the ledger is put back from a backup"
    RESTORE_UNACCEPTED = 92, 300, "nobody accepts the ledger that was put back"
    NEW_LEDGER = 93, 200, "a new, empty ledger takes the place of the old one"
    LEDGER_COPIED = 93, 200, "a copy of the ledger runs on beside it, from a cron table"
    OUTPUT_FAILS = 94, 300, "a line of output cannot be written"
    CLOCK_DAYS = 95, 250, "the wall clock is days ahead or behind, for some hours"
    SESSION_MOVED = 97, 20, "a session's statement meets another back end of the server"
    FIRST_MONTH_MOVED = 98, 300, "a later month becomes the first that is billed"
    # Who is who
    SECOND_ACCOUNT = 84, 700, "two accounts are read"
    NAMELESS = 84, 200, "the accounts do not say which partner they are"
    LISTED_TWICE = 85, 100, "a call is listed by two accounts"
    SAME_ID_ELSEWHERE = 85, 60, "two calls of two accounts have one id"
    ACCOUNT_RENAMED = 86, 300, "an account gets another name in the settings"
    ACCOUNT_DOUBLED = 86, 250, "an account stands twice in the settings"
    KEYS_EXCHANGED = 86, 250, "the keys of two accounts are exchanged"
    NEW_KEY = 86, 250, "an account gets a new key"
    ACCOUNT_LEAVES = 86, 250, "an account leaves the settings for hours"
    PROJECT_BESIDE = 86, 200, "a project stands in the settings beside its partner"
    KEY_REASSIGNED = 87, 150, "two keys change hands at Pamela, in the middle of a run"
    CUSTOMER_RENAMED = 88, 200, "a customer gets another name; Stripe's stays"
    # Days
    SUMMARY_LAGS_DAYS = 52, 900, "summaries lag up to seventy-two hours"
    OFF_FOR_DAYS = 4, 100, "the machine is off for days"
    # Beyond what is assumed of Stripe
    LAGS_BEYOND = 52, 700, "summaries lag up to ten days"
    FORGETS_EARLY = 48, 700, "identifiers are forgotten within the hour"

    @property
    def number(self) -> int:
        """The number of its row in the list of faults."""
        return self.value[0]

    @property
    def per_mille(self) -> int:
        """How often it strikes in a thousand chances, at its usual strength."""
        return self.value[1]

    @property
    def says(self) -> str:
        """What happens."""
        return self.value[2]


F = Fault
# Faults that are worst together; most of the runs have one of these themes.
THEMES: tuple[tuple[Fault, ...], ...] = (
    (F.LOST_ANSWER, F.STAYS_DEAD, F.DIES_AFTER_SEND, F.FORGETS_LATE, F.DIES_WAITING),
    (F.MUTE, F.FROZEN_BEFORE_SEND, F.LOST_ANSWER, F.FORGETS_LATE, F.FROZEN),
    (F.MUTE, F.DEAF, F.SUMMARY_LAGS, F.SUMMARY_REGRESSES, F.STAYS_DEAD, F.JOB_MISSED),
    (F.MUTE, F.OUTAGE, F.SUMMARY_LAGS_LONG, F.FORGETS_LATE, F.DIES_BEFORE_SEND),
    (F.TWO_DAEMONS, F.ZOMBIE, F.FROZEN, F.LOST_ANSWER, F.SERVER_ERROR, F.JOB_TWICE),
    (F.TWO_DAEMONS, F.FROZEN_BEFORE_SEND, F.LOST_REQUEST, F.DIES_AT_LOCK, F.MUTE),
    (F.REVISED_DOWN, F.UNBILLED_LATER, F.MOVED_HOUR, F.LOST_ANSWER, F.LOST_REQUEST),
    (F.REVISED_DOWN, F.MOVED_CUSTOMER, F.MUTE, F.DIES_AFTER_SEND, F.SUMMARY_LAGS),
    (F.MONTH_EDGE, F.PERSON_CLOSES, F.REVISED_UP, F.MOVED_HOUR, F.DELETED),
    (F.MONTH_EDGE, F.PERSON_CLOSES, F.SEEN_LATE, F.REJECTED_LATER, F.CONNECTED_LATER),
    (F.REJECTED_LATER, F.PERSON_RETRIES, F.REMAPPED, F.LATE_ARRIVAL, F.LOST_ANSWER),
    (F.REMAPPED, F.UNBILLED_LATER, F.REVISED_DOWN, F.MOVED_CUSTOMER),
    (F.FROZEN_BEFORE_SEND, F.LOST_ANSWER, F.LOST_REQUEST, F.FORGETS_LATE),
    (F.REJECTED_LATER, F.SUMMARY_LAGS_LONG, F.JOB_TWICE, F.SERVER_ERROR_TAKEN),
    (F.PERSON_RETRIES, F.MUTE, F.LOST_ANSWER, F.REFUSED_AT_ONCE, F.SUMMARY_LAGS_LONG),
    (F.REMAPPED, F.DIES_AFTER_SEND, F.DIES_WAITING, F.LOST_ANSWER),
    (F.SUMMARY_REGRESSES, F.MUTE, F.OUTAGE, F.STAYS_DEAD, F.JOB_MISSED),
    (F.PLANNED, F.FILTERED_BY_START, F.DATED_BACK, F.DELETED, F.FIRST_MONTH),
    (F.PLANNED, F.MONTH_EDGE, F.DATED_BACK, F.FIRST_MONTH, F.PERSON_CLOSES),
    (F.SECOND_ACCOUNT, F.LISTED_TWICE, F.ACCOUNT_LEAVES, F.ACCOUNT_RENAMED, F.DELETED),
    (
        F.SECOND_ACCOUNT,
        F.KEYS_EXCHANGED,
        F.KEY_REASSIGNED,
        F.SAME_ID_ELSEWHERE,
        F.SEEN_LATE,
    ),
    (F.ACCOUNT_RENAMED, F.ACCOUNT_DOUBLED, F.NEW_KEY, F.PROJECT_BESIDE),
    (F.ID_REUSED, F.PLANNED, F.SEEN_LATE, F.NEVER_ENDS, F.LISTED_TWICE, F.REVISED_UP),
    (F.CUSTOMER_RENAMED, F.REMAPPED, F.REVISED_DOWN, F.MOVED_CUSTOMER, F.MUTE),
    (F.FOREIGN_BEFORE, F.FOREIGN_LATER, F.PERSON_ADOPTS, F.SUMMARY_LAGS),
    (F.FOREIGN_LATER, F.NOT_STATED, F.HELD, F.PERSON_ADOPTS, F.PERSON_RETRIES),
    (F.HELD, F.REVISED_UP, F.REVISED_DOWN, F.SEEN_LATE, F.LOST_ANSWER),
    (F.RESTORED, F.RESTORE_UNACCEPTED, F.REVISED_DOWN, F.SEEN_LATE, F.LOST_ANSWER),
    (F.NEW_LEDGER, F.NOT_STATED, F.SUMMARY_LAGS, F.FORGETS_LATE, F.SEEN_LATE),
    (F.CLOCK_DAYS, F.OUTPUT_FAILS, F.CLOCK_BACK, F.CLOCK_FORWARD, F.MONTH_EDGE),
    (F.GONE_WHILE_PAGING, F.CALL_WHILE_PAGING, F.SEEN_LATE, F.DIES_BETWEEN_PAGES),
    (F.REMAPPED, F.DEAF, F.MUTE, F.REFUSED_AT_ONCE, F.LOST_ANSWER, F.SUMMARY_LAGS_LONG),
    (F.HELD, F.HOLD_STAYS, F.LOST_REQUEST, F.SERVER_ERROR, F.RATE_LIMIT, F.SEEN_LATE),
    (F.HELD, F.LOST_ANSWER, F.LOST_REQUEST, F.NO_CONNECTION, F.LOCK_TIMEOUT),
    (F.RESTORED, F.SEEN_LATE, F.REVISED_UP, F.LOST_ANSWER),
    (F.MONTH_EDGE, F.PERSON_CLOSES, F.SECOND_ACCOUNT, F.ACCOUNT_LEAVES),
    (F.ID_REUSED, F.PLANNED),
    (F.FOREIGN_LATER, F.FOREIGN_AGAIN, F.PERSON_ADOPTS, F.SEEN_LATE),
    (F.LEDGER_COPIED, F.SEEN_LATE, F.REVISED_UP, F.REVISED_DOWN),
    (F.LEDGER_COPIED, F.FROZEN_BEFORE_SEND, F.REVISED_UP, F.SEEN_LATE),
    (F.SESSION_MOVED, F.TWO_DAEMONS, F.JOB_TWICE),
    (F.FIRST_MONTH_MOVED, F.MONTH_EDGE, F.PERSON_CLOSES),
    (F.TIMES_CONTRADICT, F.TIMES_APART, F.EARLIER_VERSION, F.REVISED_UP),
    (F.TIMES_CONTRADICT, F.TIMES_APART, F.REVISED_DOWN, F.SEEN_LATE),
    (F.SWAPPED, F.SWAPPED_IN_CLOSED, F.MONTH_EDGE, F.SECOND_ACCOUNT),
)


# What stands beside, and who is who: what a world of one ledger does not have.
BORDERS = frozenset(fault for fault in Fault if fault.number >= F.SECOND_ACCOUNT.number)

# Drawn apart from the others, so that a seed of before stays the run that it was.
DAYS = (F.SUMMARY_LAGS_DAYS, F.OFF_FOR_DAYS, F.LOST_ANSWER, F.MUTE, F.DIES_AFTER_SEND)
BEYOND = (F.LAGS_BEYOND, F.FORGETS_EARLY)
DRAWN_APART = frozenset(
    {F.SUMMARY_LAGS_DAYS, F.OFF_FOR_DAYS, F.CUSTOMER_UNSERVED, *BEYOND}
)
# A clock that is off by hours is no measure of days: that is assumed as well.
LONG_LAGS = (F.SUMMARY_LAGS_LONG, F.SUMMARY_LAGS_DAYS, F.LAGS_BEYOND)
CLOCKS = (F.CLOCK_FORWARD, F.CLOCK_BACK, F.CLOCK_DAYS, F.CLOCK_SKEWED)
