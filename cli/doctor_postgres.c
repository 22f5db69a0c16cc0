/* doctor_postgres.c - what `ferry doctor` says of a catalogue on PostgreSQL. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/doctor.h"
#include "cli/node_open.h"
#include "common/adapters/catalogue_postgres.h"
#include "common/core/clock.h"

#define SKEW_WARN_MS 5000 /* leases live by the server's clock, orders by ours: both go on */
/* Of a batch of the largest size, in whole numbers: three for each of 512 operations. */
#define BATCH_LOCKS       INT64_C(1500)
#define LOCKERS_WARN      4 /* fewer batches at once than that: more processes wait for each other */
#define CONNECTIONS_OF_US (1 + FY_CATALOGUE_READERS) /* of each process */

static void judge_database(struct fy_doctor_judge *judge, const struct fy_postgres_state *state)
{
    if (state->too_old)
        fy_doctor_say(judge, FY_DOCTOR_FAIL,
                      "catalogue: PostgreSQL %s is too old: 13 is the oldest that will do",
                      state->version);
    if (strcmp(state->encoding, "UTF8") != 0)
        fy_doctor_say(judge, FY_DOCTOR_FAIL,
                      "catalogue: the database's encoding is %s: make it anew with ENCODING 'UTF8'",
                      state->encoding);
    if (state->standby)
        fy_doctor_say(judge, FY_DOCTOR_FAIL,
                      "catalogue: the server is a standby and takes no writes: name the primary");
    if (state->schema > state->schema_known)
        fy_doctor_say(judge, FY_DOCTOR_FAIL,
                      "catalogue: its schema is %" PRId64 ", this program knows up to %" PRId64
                      ": use the newer program",
                      state->schema, state->schema_known);
    else if (state->schema >= 0 && state->schema < state->schema_known)
        fy_doctor_say(judge, FY_DOCTOR_WARN,
                      "catalogue: its schema is %" PRId64 ": the next start makes it %" PRId64,
                      state->schema, state->schema_known);
}

/* Commits are synchronous whatever the server says: each connection sets it for itself. */
static void judge_safety(struct fy_doctor_judge *judge, const struct fy_postgres_state *state)
{
    if (!state->fsync)
        fy_doctor_say(
            judge, FY_DOCTOR_FAIL,
            "catalogue: fsync is off: a crash of its machine loses what was answered with 201");
    if (!state->full_page_writes)
        fy_doctor_say(
            judge, FY_DOCTOR_FAIL,
            "catalogue: full_page_writes is off: a crash of its machine may break the database");
}

static void judge_room(struct fy_doctor_judge *judge, const struct fy_postgres_state *state)
{
    int64_t left = state->connections_max - state->connections_used;
    if (left < CONNECTIONS_OF_US)
        fy_doctor_say(judge, FY_DOCTOR_WARN,
                      "catalogue: %" PRId64 " of %" PRId64
                      " connections are left, a process may take %d: "
                      "raise max_connections, or put a pooler in between",
                      left > 0 ? left : 0, state->connections_max, CONNECTIONS_OF_US);
    if (state->locks_max < LOCKERS_WARN * BATCH_LOCKS)
        fy_doctor_say(judge, FY_DOCTOR_WARN,
                      "catalogue: room for %" PRId64 " locks, a batch may take %" PRId64
                      ": with more than %" PRId64
                      " processes raise max_locks_per_transaction (256)",
                      state->locks_max, BATCH_LOCKS, state->locks_max / BATCH_LOCKS);
}

static void judge_clock(struct fy_doctor_judge *judge, const struct fy_postgres_state *state,
                        int64_t here_ms)
{
    int64_t skew_ms = state->now_ms - here_ms;
    if (llabs(skew_ms) <= SKEW_WARN_MS)
        return;
    fy_doctor_say(judge, llabs(skew_ms) > FY_SKEW_ALARM_MS ? FY_DOCTOR_FAIL : FY_DOCTOR_WARN,
                  "catalogue: the server's clock is %lld ms %s this machine's", llabs(skew_ms),
                  skew_ms < 0 ? "behind" : "ahead of");
}

void fy_postgres_judge(const struct fy_postgres_state *state, int64_t here_ms,
                       fy_doctor_find_fn *find, void *arg)
{
    struct fy_doctor_judge judge = {.find = find, .arg = arg};
    judge_database(&judge, state);
    judge_safety(&judge, state);
    judge_room(&judge, state);
    judge_clock(&judge, state, here_ms);
    if (!judge.spoke && state->schema < 0)
        fy_doctor_say(&judge, FY_DOCTOR_OK,
                      "catalogue: PostgreSQL %s; the first start makes its tables", state->version);
    else if (!judge.spoke)
        fy_doctor_say(&judge, FY_DOCTOR_OK, "catalogue: PostgreSQL %s, schema %" PRId64,
                      state->version, state->schema);
    if (state->pooled)
        fy_doctor_say(&judge, FY_DOCTOR_OK,
                      "catalogue: behind a pooler in transaction mode: it works, a "
                      "little slower");
}

void fy_doctor_postgres(const struct fy_config *config, fy_doctor_find_fn *find, void *arg)
{
    struct fy_doctor_judge judge = {.find = find, .arg = arg};
    struct fy_postgres_state state;
    struct fy_err err = {0};
    if (!fy_catalogue_is_postgres(config))
        return;
    const struct fy_catalogue_postgres_settings settings = {.url = config->catalogue,
                                                            .password_file =
                                                                config->catalogue_password_file,
                                                            .common.site = config->site};
    if (fy_catalogue_postgres_state(&settings, &state, &err) == FY_OK)
        fy_postgres_judge(&state, fy_wall_ms(fy_clock_system()), find, arg);
    else
        fy_doctor_say(&judge, FY_DOCTOR_FAIL, "catalogue: %s", err.text);
}
