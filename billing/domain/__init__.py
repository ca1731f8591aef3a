"""What billing means: values and decisions, without I/O, clocks or floats.

Glossary. The words of the code, the commands, the tables and the screen are these.

Who and when
    account                 one Pamela API key: a partner, or a project of one
    account_identity        the partner and project that an account's source says it is
    account_rename          the same account under another name of the settings
    customer                who is billed: a Stripe customer, under a name of ours
    customer_seen           when a Stripe customer was last seen to be there
    customer_look           when customers were looked for last, and at what cost
    period                  a calendar month in UTC, its start in and its end out
    meter                   what counts minutes at Stripe, here `stripe_minutes`
    price                   what a minute costs from a date on; it never changes

Calls
    call                    what Pamela said of a phone call; each change is a revision
    pull                    one reading of an account's calls, and its certificate
    rereading               a closed month is read whole again after 1, 7, 35, 90 days
    certificate             window, pages and counts that show a pull to be whole
    pull_scope              calls of other months that a pull met; how far it looked
    quarantine              records that could not be understood, each with its reason
    contradicting_call      a call that was billed though its times contradict it
    quarantine_place        when such a record began and who would pay, where it tells
    call_decision           what a person says that a call comes to, and why
    call_metadata           what is kept of a call under the keys that the settings name

Usage
    b2b_usage               the rows that are billed: signed minutes, only ever added
    api_usage               a row that bills a call in its own month
    adjustment              a row that corrects a month which is closed already
    posting                 the rows that a call comes to, and what is still to add
    pending                 not yet known as counted; it will be sent
    synced                  known as counted, with its evidence
    failed                  not counted, as far as is known, for a reason

Sync
    sync                    to bring the meter level with the ledger
    stage                   to put the usage of one customer's hour into a meter event
    meter_event             the minutes of one customer and hour that are sent together
    identifier              a meter event's name at Stripe; never used for other content
    own minute              the minute that is this event's alone, to read it back by
    outbox                  the meter events that have no final answer
    meter_attempt           one request for an event, written down before it leaves
    verdict                 what an answer means for its event
    refused                 turned down at once, in the answer to the request
    rejected                taken, and turned down later, in an error report
    error_report            Stripe's report of the events that it rejected
    uncertain               an outcome that nobody told: sent, and perhaps counted
    settle                  to decide an uncertain outcome by reading the own minute
    meter_reading           what the meter showed of one event's own minute, and when
    summary_lag             how late a summary first showed an event, as far as seen
    carried                 sent by an event of a later month than the usage is of
    replaced                taken back or refused; its usage is in another event
    voided                  given up by a person, with a reason
    unanswered              no answer after all retries; the next run tries again
    expired                 older than Stripe takes
    cancelling              being taken back, without an answer yet
    first contact           a month is read at the meter before anything is sent into it
    meter_contact           what such a reading showed, and how much of it can be ours
    opening                 minutes that stood there at the first contact, not ours
    adoption                a meter that another program fed is ours from an hour on
    cut-over                the hour of an adoption: what stood before it is not ours
    meter_opening           an event that stands for the opening of an adopted hour
    shadow                  whose meter is only read by the hour; nothing is sent there
    shadow_reading          what a month at the meter showed, hour by hour
    parity                  the meter shows what is rated here, whoever feeds it
    sole_reporter           who stated that nothing else reports to this meter, and why
    send_hold               a stop of all sending, or of one customer's, by a person
    circuit breaker         stops sending to a Stripe that does not answer

Reconcile
    reconcile               to compare Pamela, the ledger and Stripe for each customer
    reconciliation_run      one comparison of a month
    reconciliation_reading  what each side said of a customer in a run
    reconciliation_source   an account's figures in a run, as of when they were read
    reconciliation_break    one difference, with its minutes and its cause
    break                   the same: signed minutes, a cause, evidence and calls
    cause                   why two sides differ; the list is closed
    break_case              the life of a break, from its first run to its last
    left out                a customer or account that a run could not read, and told
    heal                    to do what is safe about breaks, and reconcile again

Close
    close                   to freeze a month for ever
    period_close            who froze it, when, and the digest of what was frozen
    obstacle                what stands in the way of closing a month
    statement               what one customer is billed for a month
    journal                 entries of a month for the books of account

Operation
    cycle_run               one cycle of pull, sync and reconcile: its start or its end
    ledger_move             where this ledger came from or went to; in force or not
    moved                   copied whole to another database: only read from here on
    jump                    a wall clock that was set, seen by one that nobody sets

Proof
    invariant               what always holds; while one does not, nothing is sent
    violation               an invariant that does not hold, and where
    law_check               how far the ledger was checked, and what was found
    law_check_end           how far the trail had come by then
    audit_event             who did what, when and why, chained to the event before
    row_digest              what the trail said last of a row that may move
    row_range               what it said of rows that only come, side by side
    audit_head              a signed head: the newest event and its hash, under our key
    audit_anchor            a place out of reach where signed heads are published
    rollback marker         a file beside the ledger that knows its newest audit event
    bundle                  a month with all its evidence, in a file that proves itself

Commands
    init, doctor            make the settings and the ledger; check them
    adopt                   take over a meter that another program has fed
    run, daemon             one whole cycle; one every hour
    status, breaks          what is open; what differs, and who knows of it
    quarantine              calls that nobody can read, and what people decide of them
    explain                 the life of one call, and whether it is billed
    report, export          figures for people; rows for programs
    verify, audit           a bundle; the trail
    db                      the ledger itself: its schema, its rows
    demo, sandbox           the whole path on this machine; a place to try things
"""
