/* running_test.c - what is remembered of running orders when their process has died. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/temp.h"
#include "worker/running.h"

struct place {
    char folder[TEMP_BYTES];
    char path[TEMP_BYTES + 16];
    char suspects[TEMP_BYTES + 16];
    struct fy_running *running;
};

static void open_again(struct place *self)
{
    struct fy_err err = {0};
    assert_null(self->running);
    assert_int_equal(fy_running_open(self->folder, &self->running, &err), FY_OK);
}

/* As a killed process leaves it; crashed: by its own fault. */
static void die(struct place *self, bool crashed)
{
    if (crashed)
        fy_running_crashed(self->running);
    fy_running_close(self->running, false);
    self->running = NULL;
    open_again(self);
}

static int setup(void **state)
{
    struct place *self = fy_alloc(sizeof(*self));
    temp_folder("running", self->folder);
    (void)snprintf(self->path, sizeof(self->path), "%s/running", self->folder);
    (void)snprintf(self->suspects, sizeof(self->suspects), "%s/suspects", self->folder);
    open_again(self);
    *state = self;
    return 0;
}

static int teardown(void **state)
{
    struct place *self = *state;
    fy_running_close(self->running, true);
    temp_remove(self->folder);
    free(self);
    return 0;
}

static void die_while_running(struct place *self, uint64_t identity, bool alone, bool crashed)
{
    (void)fy_running_begin(self->running, identity, alone);
    die(self, crashed);
}

static void an_order_that_ran_at_three_deaths_is_a_suspect(void **state)
{
    struct place *self = *state;
    for (int death = 0; death < FY_SUSPECT_DEATHS; death++) {
        assert_int_equal(fy_running_ask(self->running, 7), FY_UNSUSPECTED);
        die_while_running(self, 7, false, true);
    }
    assert_int_equal(fy_running_ask(self->running, 7), FY_SUSPECT);
    assert_int_equal(fy_running_deaths(self->running, 7), FY_SUSPECT_DEATHS);
    assert_int_equal(fy_running_ask(self->running, 8), FY_UNSUSPECTED);
}

/* An operator's kill -9 hits all that run, and each of them alone would hold the others back. */
static void kills_from_outside_make_suspects_late(void **state)
{
    struct place *self = *state;
    for (int death = 0; death < FY_SUSPECT_KILLS; death++) {
        assert_int_equal(fy_running_ask(self->running, 7), FY_UNSUSPECTED);
        die_while_running(self, 7, false, false);
    }
    assert_int_equal(fy_running_ask(self->running, 7), FY_SUSPECT);
}

/* However often: what died in company is never dead for it. */
static void nobody_is_condemned_for_what_happened_in_company(void **state)
{
    struct place *self = *state;
    for (int death = 0; death < 300; death++) {
        (void)fy_running_begin(self->running, 8, false);
        die_while_running(self, 7, false, true);
    }
    assert_int_equal(fy_running_ask(self->running, 7), FY_SUSPECT);
    assert_int_equal(fy_running_ask(self->running, 8), FY_SUSPECT);
}

static void a_suspect_that_crashes_the_process_alone_is_the_culprit(void **state)
{
    struct place *self = *state;
    for (int death = 0; death < FY_SUSPECT_DEATHS; death++)
        die_while_running(self, 7, false, false);
    die_while_running(self, 7, true, true);
    assert_int_equal(fy_running_ask(self->running, 7), FY_CULPRIT);
    assert_int_equal(fy_running_suspects(self->running), 1);
    fy_running_forget(self->running, 7);
    assert_int_equal(fy_running_ask(self->running, 7), FY_UNSUSPECTED);
    assert_int_equal(fy_running_suspects(self->running), 0);
}

/* An operator's kill -9 may hit a suspect once or twice; the kernel's hits it every time. */
static void a_kill_from_outside_condemns_only_by_its_number(void **state)
{
    struct place *self = *state;
    for (int death = 0; death < FY_SUSPECT_KILLS; death++) {
        assert_int_not_equal(fy_running_ask(self->running, 7), FY_CULPRIT);
        die_while_running(self, 7, true, false);
    }
    assert_int_equal(fy_running_ask(self->running, 7), FY_CULPRIT);
}

static void a_suspect_that_got_company_is_not_condemned(void **state)
{
    struct place *self = *state;
    fy_running_join(self->running, fy_running_begin(self->running, 7, true));
    die(self, true);
    assert_int_not_equal(fy_running_ask(self->running, 7), FY_CULPRIT);
}

static void a_record_that_kills_its_reader_three_times_is_read_no_more(void **state)
{
    struct place *self = *state;
    for (int death = 0; death < FY_SUSPECT_DEATHS; death++) {
        assert_int_equal(fy_running_ask(self->running, 7), FY_UNSUSPECTED);
        fy_running_read_begin(self->running, 7);
        die(self, true);
    }
    assert_int_equal(fy_running_ask(self->running, 7), FY_CULPRIT_UNREADABLE);
}

static void what_has_ended_is_innocent(void **state)
{
    struct place *self = *state;
    for (int death = 0; death < FY_SUSPECT_DEATHS; death++) {
        fy_running_read_begin(self->running, 6);
        fy_running_read_end(self->running);
        uint32_t slot = fy_running_begin(self->running, 7, true);
        fy_running_end(self->running, slot);
        die_while_running(self, 8, false, true);
    }
    assert_int_equal(fy_running_ask(self->running, 6), FY_UNSUSPECTED);
    assert_int_equal(fy_running_ask(self->running, 7), FY_UNSUSPECTED);
    assert_int_equal(fy_running_suspects(self->running), 1);
}

static void a_clean_end_clears_everybody(void **state)
{
    struct place *self = *state;
    for (int death = 0; death < FY_SUSPECT_DEATHS; death++)
        die_while_running(self, 7, false, true);
    fy_running_close(self->running, true);
    self->running = NULL;
    open_again(self);
    assert_int_equal(fy_running_suspects(self->running), 0);
    assert_int_equal(fy_running_ask(self->running, 7), FY_UNSUSPECTED);
}

/* More suspects than places: the least suspicious is forgotten, and all that runs has a slot. */
static void a_full_file_forgets_the_least_suspicious(void **state)
{
    struct place *self = *state;
    for (int death = 0; death < 2; death++)
        die_while_running(self, 1, false, true);
    for (uint64_t identity = 100; identity < 100 + 2 * FY_SUSPECTS_MAX; identity += 4000) {
        for (uint64_t i = 0; i < 4000; i++)
            (void)fy_running_begin(self->running, identity + i, false);
        die(self, true);
    }
    assert_in_range(fy_running_suspects(self->running), FY_SUSPECTS_MAX / 2, FY_SUSPECTS_MAX);
    assert_int_equal(fy_running_deaths(self->running, 1), 2);
    for (uint64_t i = 0; i <= FY_LANES_ORDERS_MAX; i++)
        assert_int_not_equal(fy_running_begin(self->running, 50000 + i, false), 0);
}

static void write_file(const char *path, const void *bytes, size_t size_bytes, off_t at)
{
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, size_bytes, at), (ssize_t)size_bytes);
    assert_int_equal(close(fd), 0);
}

/* Noise from the offset on. */
static void spoil(const char *path, off_t from, uint32_t *random)
{
    struct stat whole;
    assert_int_equal(stat(path, &whole), 0);
    size_t size_bytes = (size_t)(whole.st_size - from);
    uint8_t *noise = fy_alloc(size_bytes);
    for (size_t i = 0; i < size_bytes; i++)
        noise[i] = (uint8_t)((*random = *random * 1664525 + 1013904223) >> 24);
    write_file(path, noise, size_bytes, from);
    free(noise);
}

/* Whatever stands in the files, they are read without harm and work afterwards. */
static void files_of_nonsense_are_ignored(void **state)
{
    struct place *self = *state;
    uint32_t random = 1;
    for (int round = 0; round < 6; round++) {
        off_t header = round % 2 == 0 ? 0 : 24; /* every other time only the slots are nonsense */
        fy_running_close(self->running, false);
        self->running = NULL;
        spoil(self->path, header, &random);
        spoil(self->suspects, header, &random);
        open_again(self);
        if (header == 0)
            assert_int_equal(fy_running_suspects(self->running), 0);
        for (uint64_t i = 1; i <= 100; i++)
            assert_int_not_equal(fy_running_begin(self->running, i, false), 0);
        die(self, false);
    }
}

static void files_cut_short_are_begun_anew(void **state)
{
    struct place *self = *state;
    for (int death = 0; death < FY_SUSPECT_DEATHS; death++)
        die_while_running(self, 7, false, true);
    (void)fy_running_begin(self->running, 8, false);
    fy_running_close(self->running, false);
    self->running = NULL;
    assert_int_equal(truncate(self->path, 5000), 0);
    assert_int_equal(truncate(self->suspects, 5000), 0);
    open_again(self);
    assert_int_equal(fy_running_suspects(self->running), 0);
}

/* ------------------------------------------------------------------ workers of one folder */

static struct fy_running *open_second(struct place *self)
{
    struct fy_running *second = NULL;
    struct fy_err err = {0};
    assert_int_equal(fy_running_open(self->folder, &second, &err), FY_OK);
    return second;
}

/* They have a file each: what one of them runs is no death while it lives. */
static void what_another_worker_runs_is_no_death_while_it_lives(void **state)
{
    struct place *self = *state;
    (void)fy_running_begin(self->running, 7, false);
    struct fy_running *second = open_second(self);
    fy_running_look(second);
    assert_int_equal(fy_running_suspects(second), 0);
    die(self, false);
    assert_int_equal(fy_running_deaths(second, 7), 1);
    assert_int_equal(fy_running_deaths(self->running, 7), 1);
    fy_running_close(second, true);
}

/* Each takes it once: it is a suspect as soon as if one had taken it three times. */
static void deaths_of_all_workers_count_together(void **state)
{
    struct place *self = *state;
    struct fy_running *second = open_second(self);
    for (int death = 0; death < FY_SUSPECT_DEATHS; death++) {
        assert_int_equal(fy_running_ask(self->running, 7), FY_UNSUSPECTED);
        assert_int_equal(fy_running_ask(second, 7), FY_UNSUSPECTED);
        struct fy_running *victim = death % 2 == 0 ? self->running : second;
        (void)fy_running_begin(victim, 7, false);
        fy_running_crashed(victim);
        fy_running_close(victim, false);
        *(death % 2 == 0 ? &self->running : &second) = open_second(self);
    }
    assert_int_equal(fy_running_ask(self->running, 7), FY_SUSPECT);
    assert_int_equal(fy_running_ask(second, 7), FY_SUSPECT);
    (void)fy_running_begin(second, 7, true);
    fy_running_crashed(second);
    fy_running_close(second, false);
    fy_running_look(self->running); /* nobody has started instead of it */
    assert_int_equal(fy_running_ask(self->running, 7), FY_CULPRIT);
    fy_running_look(self->running);
    assert_int_equal(fy_running_deaths(self->running, 7), FY_SUSPECT_DEATHS + 1);
}

/* Whoever has done with it; and a worker that ends by itself does not clear the others'. */
static void what_one_forgets_all_forget(void **state)
{
    struct place *self = *state;
    struct fy_running *second = open_second(self);
    die_while_running(self, 7, false, true);
    die_while_running(self, 8, false, true);
    fy_running_forget(second, 7);
    assert_int_equal(fy_running_deaths(self->running, 7), 0);
    fy_running_close(second, true);
    assert_int_equal(fy_running_deaths(self->running, 8), 1);
}

/* ------------------------------------------------------------------ */

static void without_a_file_nothing_is_remembered(void **state)
{
    struct place *self = *state;
    struct fy_running *none = NULL;
    struct fy_err err = {0};
    (void)self;
    assert_int_equal(fy_running_open("/nowhere", &none, &err), FY_EIO);
    fy_running_read_begin(none, 7);
    fy_running_read_end(none);
    assert_int_equal(fy_running_begin(none, 7, true), 0);
    fy_running_end(none, 0);
    fy_running_forget(none, 7);
    assert_int_equal(fy_running_ask(none, 7), FY_UNSUSPECTED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_order_that_ran_at_three_deaths_is_a_suspect),
        TEST(kills_from_outside_make_suspects_late),
        TEST(nobody_is_condemned_for_what_happened_in_company),
        TEST(a_suspect_that_crashes_the_process_alone_is_the_culprit),
        TEST(a_kill_from_outside_condemns_only_by_its_number),
        TEST(a_suspect_that_got_company_is_not_condemned),
        TEST(a_record_that_kills_its_reader_three_times_is_read_no_more),
        TEST(what_has_ended_is_innocent),
        TEST(a_clean_end_clears_everybody),
        TEST(a_full_file_forgets_the_least_suspicious),
        TEST(files_of_nonsense_are_ignored),
        TEST(files_cut_short_are_begun_anew),
        TEST(what_another_worker_runs_is_no_death_while_it_lives),
        TEST(deaths_of_all_workers_count_together),
        TEST(what_one_forgets_all_forget),
        TEST(without_a_file_nothing_is_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
