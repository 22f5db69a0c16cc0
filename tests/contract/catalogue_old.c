/* catalogue_old.c - a catalogue as programs without versions left it, and what has become of it. */
#include "tests/contract/catalogue_old.h"

#include <stdio.h>
#include <string.h>

#include "common/adapters/container_cid.h"

#define OLD_MS      (CONTRACT_T0 - 5000)
#define OLD_COUNTER 7

/* Of a stamp at OLD_MS + ms with that counter, of process 1. */
static long long stamp_time(int64_t ms)
{
    return (long long)(((OLD_MS + ms) << 16) + (OLD_COUNTER << 8) + 1);
}

static void fill_container(struct contract *c, int id, const char *account, const char *name,
                           enum fy_status status)
{
    char sql[512];
    bool there = status == FY_STATUS_READY;
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO container(id, account, name, status, stamp_time, stamp_site, "
                   "created_ms, deleted_ms, expires_ms, there, ccs_visible) VALUES(%d, '%s', '%s', "
                   "%d, %lld, 'site-a', %lld, 0, 0, %d, 0)",
                   id, account, name, (int)status, stamp_time(0), (long long)OLD_MS, there);
    c->factory->exec(c->place, sql);
}

static void fill_object(struct contract *c, int container_id, const char *name,
                        enum fy_status status, int64_t ms)
{
    char sql[512];
    bool ready = status == FY_STATUS_READY;
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO object(container_id, name, version, id, status, stamp_time, "
                   "stamp_site, size, hash, changed_ms, expires_ms, metadata, body_id, proof) "
                   "VALUES(%d, '%s', 0, 'id-%s', %d, %lld, 'site-a', %d, '', %lld, 0, '', %s, %d)",
                   container_id, name, name, (int)status, stamp_time(ms), ready ? 3 : 0,
                   (long long)OLD_MS, ready ? "105" : "NULL", ready);
    c->factory->exec(c->place, sql);
}

void catalogue_old_fill(struct contract *c, const char *digest)
{
    char sql[256];
    (void)snprintf(
        sql, sizeof sql,
        "INSERT INTO body(id, sha, size, blob_ref, ref_hash) VALUES(105, %s, 3, 'blob', 1)",
        digest);
    c->factory->exec(c->place, sql);
    fill_container(c, 101, "client-1", "bucket-1", FY_STATUS_READY);
    fill_container(c, 102, "\u00c9 b", "c%\u00e9", FY_STATUS_READY);
    fill_container(c, 103, "client-1", "gone", FY_STATUS_DELETED);
    fill_object(c, 101, "o1", FY_STATUS_READY, 1);
    fill_object(c, 101, "o2", FY_STATUS_READY, 2);
    fill_object(c, 101, "o3", FY_STATUS_DELETED, 3);
    fill_object(c, 102, "o4", FY_STATUS_READY, 4);
    c->factory->exec(c->place, "UPDATE counters SET containers = 2, objects = 3, bytes = 9");
    c->factory->exec(c->place, "INSERT INTO counters(id, containers, objects, bytes, outbox, "
                               "conflicts) SELECT 1, 2, 3, 9, 0, 0 WHERE NOT EXISTS(SELECT 1 FROM "
                               "counters)");
}

static struct fy_container_info info_of(struct contract *c, const char *account, const char *name)
{
    struct fy_container_info info;
    struct fy_digest cid;
    fy_container_cid(account, name, &cid);
    const struct fy_container_ref ref = {.cid = &cid};
    assert_int_equal(fy_catalogue_container_info(c->catalogue, &ref, &info, NULL, NULL, &c->err),
                     FY_OK);
    assert_string_equal(info.row.name, name);
    assert_false(info.row.rules.versioned);
    assert_int_equal(info.row.rules.policy, FY_UNSET);
    return info;
}

void catalogue_old_check(struct contract *c)
{
    struct fy_object_row row;
    struct fy_container_info info = info_of(c, "client-1", "bucket-1");
    assert_int_equal(info.objects, 2);
    assert_int_equal(info.bytes, 6);
    info = info_of(c, "\u00c9 b", "c%\u00e9");
    assert_int_equal(info.objects, 1);
    struct fy_object_key key = contract_key("client-1", "bucket-1", "o2");
    assert_int_equal(fy_catalogue_object_get(c->catalogue, &key, &row, &c->err), FY_OK);
    assert_int_equal(row.version, (OLD_MS + 2) * 1000 + OLD_COUNTER);
    assert_false(row.marker);
    assert_int_equal(contract_sound(c).objects, 3);

    /* A change makes a version above it, and what is in the container is counted on. */
    assert_int_equal(contract_rm_in(c, "client-1", "bucket-1", "o2"), FY_OK);
    assert_int_equal(contract_put_in(c, "client-1", "bucket-1", "o2", "newer"), FY_OK);
    assert_int_equal(fy_catalogue_object_get(c->catalogue, &key, &row, &c->err), FY_OK);
    assert_true(row.version > (OLD_MS + 2) * 1000 + OLD_COUNTER);
    assert_int_equal(info_of(c, "client-1", "bucket-1").bytes, 3 + 5);
    (void)contract_sound(c);
}
