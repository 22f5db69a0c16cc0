/* verify_test.c - a scan of stored bodies over a real embedded catalogue; the store is a fake that
 * cannot open what it is told not to, other sites are fakes that have nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/core/log.h"
#include "common/ports/sha256.h"
#include "tests/support/embedded.h"
#include "tests/support/fake_peer.h"
#include "tests/support/temp.h"
#include "worker/verify.h"

#define BODIES (FY_VERIFY_UNREADABLE_MAX + 2)
#define GOOD   3 /* the one that is empty */

struct fake_store {
    struct fy_store port;
    enum fy_code code;     /* of every open */
    const char *good_name; /* but of a body whose reference ends so; NULL none */
};

struct site {
    char folder[TEMP_BYTES];
    struct fy_config config;
    struct fy_node node;
    struct fy_store *dir; /* the node's own, put back before it closes */
    struct fake_store store;
    struct fy_err err;
};

/* A good body is empty, so that there is nothing to read. */
static enum fy_code fake_open(struct fy_store *port, const char *blob_ref,
                              struct fy_reader **reader, int64_t *size, struct fy_err *err)
{
    struct fake_store *store = FY_CONTAINER_OF(port, struct fake_store, port);
    size_t good_bytes = store->good_name != NULL ? strlen(store->good_name) : 0;
    if (good_bytes == 0 || strcmp(blob_ref + strlen(blob_ref) - good_bytes, store->good_name) != 0)
        return fy_err_set(err, store->code, "no body can be opened");
    *reader = (struct fy_reader *)(void *)store;
    *size = 0;
    return FY_OK;
}

static int fake_fd(struct fy_reader *reader)
{
    (void)reader;
    return -1;
}

static void fake_reader_close(struct fy_reader *reader)
{
    (void)reader;
}

static const struct fy_store_ops fake_ops = {
    .open = fake_open, .reader_fd = fake_fd, .reader_close = fake_reader_close};

/* An object whose body is these bytes, as far as the catalogue knows. */
static void make_object(struct site *self, const char *object, const char *bytes)
{
    struct fy_cat_apply *apply = fy_alloc(sizeof(*apply));
    *apply = (struct fy_cat_apply){.op.kind = FY_CAT_APPLY, .size = (int64_t)strlen(bytes)};
    apply->order = (struct fy_order){.action = FY_ACTION_CREATE,
                                     .client = "client-1",
                                     .account = "client-1",
                                     .bucket = "bucket-1",
                                     .from_site = "site-x",
                                     .stamp = {.time = (uint64_t)1 << 40, .site = "site-x"}};
    (void)snprintf(apply->order.object, sizeof(apply->order.object), "%s", object);
    apply->proof = FY_PROOF_PROMISE;
    fy_sha256_of(bytes, strlen(bytes), &apply->digest);
    (void)snprintf(apply->blob_ref, sizeof(apply->blob_ref), "file:00/%s.%s", self->node.boot_id,
                   object);
    must(fy_catalogue_writer_run(self->node.writer, &apply->op, &self->err), &self->err);
    free(apply);
}

/* o0, o1, ... each with a body of its own; that of o3 is empty. */
static void make_bodies(struct site *self)
{
    for (int i = 0; i < BODIES; i++) {
        char object[16];
        (void)snprintf(object, sizeof(object), "o%d", i);
        make_object(self, object, i == GOOD ? "" : object);
    }
}

static int setup(void **state)
{
    struct site *self = fy_alloc(sizeof(*self));
    fy_log_level_set(FY_ERROR + 1);
    temp_folder("verify", self->folder);
    embedded_config(&self->config, "site-a", self->folder);
    embedded_open(&self->node, &self->config);
    self->dir = self->node.store;
    self->store.port.ops = &fake_ops;
    self->node.store = &self->store.port;
    make_bodies(self);
    *state = self;
    return 0;
}

static int teardown(void **state)
{
    struct site *self = *state;
    self->node.store = self->dir;
    fy_node_close(&self->node);
    temp_remove(self->folder);
    free(self);
    return 0;
}

/* A scan of everything, as far as it goes; what is left of it. */
static enum fy_code scan(struct site *self, struct fy_scan_row *row)
{
    const _Atomic bool stop = false;
    struct fy_cat_scan *op = fy_alloc(sizeof(*op));
    *op = (struct fy_cat_scan){.op.kind = FY_CAT_SCAN, .action = FY_SCAN_START};
    must(fy_catalogue_writer_run(self->node.writer, &op->op, NULL), &op->op.err);
    free(op);
    enum fy_code code = fy_verify(&self->node, &stop, &self->err);
    struct fy_err err = {0};
    must(fy_catalogue_scan_get(self->node.catalogue, row, &err), &err);
    return code;
}

static bool count_damaged(void *arg, const struct fy_body_row *row)
{
    *(int *)arg += row->damaged ? 1 : 0;
    return true;
}

static int damaged_bodies(struct site *self)
{
    int count = 0;
    must(fy_catalogue_body_list(self->node.catalogue, 0, 2 * BODIES, count_damaged, &count,
                                &self->err),
         &self->err);
    return count;
}

static void a_want_of_files_to_open_is_no_damage(void **state)
{
    struct site *self = *state;
    struct fy_scan_row row;
    self->store.code = FY_EBUSY;
    assert_int_equal(scan(self, &row), FY_EBUSY);
    assert_int_equal(damaged_bodies(self), 0);
    assert_int_equal(row.state, FY_SCAN_RUNNING); /* it goes on later */
}

/* Marked, their objects would be 404, and the orders that wait for them elsewhere would end. */
static void of_a_disk_that_is_away_no_body_is_marked(void **state)
{
    struct site *self = *state;
    struct fy_scan_row row;
    self->store.code = FY_EIO;
    assert_int_equal(scan(self, &row), FY_EIO);
    assert_int_equal(damaged_bodies(self), 0);
    assert_int_equal(row.state, FY_SCAN_STOPPED);
}

static void an_unreadable_body_among_readable_ones_is_damaged(void **state)
{
    struct site *self = *state;
    struct fy_scan_row row;
    self->store.code = FY_EIO;
    self->store.good_name = ".o3";
    must(scan(self, &row), &self->err);
    assert_int_equal(row.state, FY_SCAN_DONE);
    assert_int_equal(row.damaged, BODIES - 1);
    assert_int_equal(damaged_bodies(self), BODIES - 1); /* those behind it as well: too few */
}

static bool keep_first(void *arg, const struct fy_body_row *row)
{
    *(struct fy_body_row *)arg = *row;
    return false;
}

static void add_site(struct site *self, const char *id)
{
    struct fy_cat_site op = {.op.kind = FY_CAT_SITE, .action = FY_SITE_INSERT};
    op.row.status = FY_SITE_UP;
    assert_true(fy_text_copy(op.row.id, sizeof(op.row.id), id));
    assert_true(fy_text_copy(op.row.name, sizeof(op.row.name), id));
    assert_true(fy_text_copy(op.row.uri, sizeof(op.row.uri), "http://127.0.0.1:1"));
    must(fy_catalogue_writer_run(self->node.writer, &op.op, &self->err), &self->err);
}

/* By each name that the body has here, but what they are they say once. */
static void all_sites_are_asked_for_a_body_and_once_what_they_are(void **state)
{
    struct site *self = *state;
    struct fake_peer *peer = fake_peer_new();
    struct fy_peer *own = self->node.peer;
    struct fy_body_row body;
    char from[FY_SITE_BYTES_MAX + 1];
    const _Atomic bool stop = false;
    self->node.store = self->dir;
    self->node.peer = fake_peer_port(peer);
    add_site(self, "site-b");
    add_site(self, "site-c");
    make_object(self, "again", "o0"); /* the first body's second name */
    fake_peer_rule(peer, "o0", FAKE_STATUS, 404, -1);
    fake_peer_rule(peer, "again", FAKE_STATUS, 404, -1);
    must(fy_catalogue_body_list(self->node.catalogue, 0, 1, keep_first, &body, &self->err),
         &self->err);

    assert_int_equal(fy_mend(&self->node, &body, &stop, from, &self->err), FY_ENOTFOUND);
    assert_int_equal(fake_peer_calls(peer, FY_PEER_PULL), 4);
    assert_int_equal(fake_peer_calls(peer, FY_PEER_HELLO), 2);
    self->node.peer = own;
    fake_peer_free(peer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_want_of_files_to_open_is_no_damage),
        TEST(of_a_disk_that_is_away_no_body_is_marked),
        TEST(an_unreadable_body_among_readable_ones_is_damaged),
        TEST(all_sites_are_asked_for_a_body_and_once_what_they_are),
    };
    return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
