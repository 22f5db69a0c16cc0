/* catalogue_contract_page.c - lists of versions: pages, groups, markers; against a naive model. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/buf.h"
#include "tests/contract/catalogue_contract.h"
#include "tests/support/version_query.h"

/* What is in the container: rows of `object` first, of which each name has one at most. */
enum kind { BODY, MARKER, REGISTERED, ERASED };
struct version {
    char name[32];
    int64_t number;
    enum kind kind;
    bool in_object; /* else in `version` */
    bool old;       /* its number is in its stamp alone */
};
#define VERSIONS_MAX 400
struct model {
    struct version versions[VERSIONS_MAX];
    size_t count;
};

static void add(struct model *model, const char *name, int64_t number, enum kind kind,
                bool in_object)
{
    struct version *version = &model->versions[model->count++];
    assert_true(model->count <= VERSIONS_MAX);
    *version = (struct version){.number = number, .kind = kind, .in_object = in_object};
    assert_true(fy_text_copy(version->name, sizeof version->name, name));
}

/* ------------------------------------------------------------------ rows */

static void print_object(struct fy_buf *sql, const struct version *version)
{
    int status = version->kind == BODY ? 200 : 204;
    fy_buf_printf(
        sql,
        "INSERT INTO object(container_id, name, version, id, status, stamp_time, "
        "stamp_site, size, hash, changed_ms, expires_ms, metadata, proof, number, marker) "
        "VALUES((SELECT id FROM container WHERE name = 'bucket-1'), '%s', 0, 'id', %d, "
        "%lld, 'site-a', %lld, 'h', 7, 0, '', 1, %lld, %d);",
        version->name, status, (long long)version->number * 256 + 3, (long long)version->number,
        (long long)(version->old ? 0 : version->number), version->kind == MARKER);
}

static void print_version(struct fy_buf *sql, const struct version *version)
{
    fy_buf_printf(sql,
                  "INSERT INTO version(container_id, name, number, kind, id, stamp_time, "
                  "stamp_site, size, hash, changed_ms, expires_ms, metadata, proof) VALUES((SELECT "
                  "id FROM container WHERE name = 'bucket-1'), '%s', %lld, %d, 'id', 1, 'site-a', "
                  "%lld, 'h', 7, 0, '', 1);",
                  version->name, (long long)version->number, (int)version->kind,
                  (long long)version->number);
}

static void fill(struct contract *c, const struct model *model)
{
    struct fy_buf sql;
    fy_buf_init(&sql, (size_t)4 << 20);
    for (size_t index = 0; index < model->count; index++)
        if (model->versions[index].in_object)
            print_object(&sql, &model->versions[index]);
        else
            print_version(&sql, &model->versions[index]);
    contract_close(c);
    c->factory->exec(c->place, sql.bytes);
    contract_open(c);
    fy_buf_done(&sql);
}

/* ------------------------------------------------------------------ what a list says */

/* Entries as text: "a@7 a@3! b@2? 1/", with ! of a marker and ? of what is registered. */
struct listing {
    struct fy_buf text;
    uint32_t count;
    char name[FY_OBJECT_BYTES_MAX + 1]; /* of the last entry, or its group */
    int64_t version;
};

static void print_entry(struct listing *listing, const char *name, int64_t number, enum kind kind)
{
    const char *mark = kind == MARKER ? "!" : kind == REGISTERED ? "?" : "";
    fy_buf_printf(&listing->text, "%s@%lld%s ", name, (long long)number, mark);
}

static bool on_entry(void *arg, const struct fy_version_entry *entry)
{
    struct listing *listing = arg;
    const struct fy_object_row *row = entry->row;
    assert_true((entry->group == NULL) == (row != NULL));
    listing->count++;
    listing->version = FY_UNSET;
    assert_true(
        fy_text_copy(listing->name, sizeof listing->name, row != NULL ? row->name : entry->group));
    if (row == NULL) {
        fy_buf_printf(&listing->text, "%s ", entry->group);
        return true;
    }
    listing->version = row->version;
    assert_int_equal(row->size, row->version); /* as it was filled: a row's columns are its own */
    assert_false(row->marker && row->registered);
    print_entry(listing, row->name, row->version,
                row->marker       ? MARKER
                : row->registered ? REGISTERED
                                  : BODY);
    return true;
}

static struct listing list_begin(void)
{
    struct listing listing = {.count = 0};
    fy_buf_init(&listing.text, 1 << 20);
    return listing;
}

static char *list_end(struct listing *listing)
{
    size_t size = 0;
    char *text = fy_buf_take(&listing->text, &size);
    fy_buf_done(&listing->text);
    return text;
}

/* The whole list by pages of that size; free(). */
static char *list_by(struct contract *c, const struct fy_version_query *given, uint32_t limit)
{
    struct fy_version_query query = *given;
    struct listing listing = list_begin();
    char after[FY_OBJECT_BYTES_MAX + 1];
    query.limit = limit;
    do {
        listing.count = 0;
        assert_int_equal(
            fy_catalogue_version_list(c->catalogue, &query, on_entry, &listing, &c->err), FY_OK);
        memcpy(after, listing.name, sizeof after);
        query.after = after;
        query.version_after = query.all ? listing.version : FY_UNSET;
        assert_true(listing.count <= limit);
    } while (listing.count == limit);
    return list_end(&listing);
}

/* ------------------------------------------------------------------ the naive model */

static int compare(const void *left, const void *right)
{
    const struct version *one = left, *other = right;
    int order = strcmp(one->name, other->name);
    if (order != 0)
        return order;
    return one->number > other->number ? -1 : one->number < other->number;
}

/* Whether it is among what is listed, groups aside; they are sorted, and `newest` is the first of
 * its name. */
static bool is_listed(const struct fy_version_query *query, const struct version *version,
                      bool newest)
{
    if (version->kind == ERASED ||
        strncmp(version->name, query->prefix, strlen(query->prefix)) != 0)
        return false;
    if (query->before[0] != '\0' && strcmp(version->name, query->before) >= 0)
        return false;
    int order = strcmp(version->name, query->after);
    bool inside = order == 0 && query->all && query->version_after != FY_UNSET &&
                  version->number < query->version_after;
    if (order < 0 || (order == 0 && !inside && query->after[0] != '\0'))
        return false;
    if (version->kind == MARKER && !query->all && !query->deleted)
        return false;
    return query->version != FY_UNSET ? version->number == query->version : query->all || newest;
}

static size_t group_of(const struct fy_version_query *query, const char *name)
{
    size_t prefix = strlen(query->prefix), size = strlen(query->delimiter);
    if (size == 0 || strncmp(name, query->prefix, prefix) != 0)
        return 0;
    const char *found = strstr(name + prefix, query->delimiter);
    return found == NULL ? 0 : (size_t)(found - name) + size;
}

static char *model_list(struct model *model, const struct fy_version_query *query)
{
    struct listing listing = list_begin();
    char group[64] = "";
    size_t of_after = group_of(query, query->after);
    const char *name = "";
    qsort(model->versions, model->count, sizeof model->versions[0], compare);
    for (size_t index = 0; index < model->count; index++) {
        const struct version *version = &model->versions[index];
        bool newest = version->kind != ERASED && strcmp(name, version->name) != 0;
        if (newest)
            name = version->name;
        size_t size = group_of(query, version->name);
        if (!is_listed(query, version, newest) ||
            (size > 0 && size == of_after && strncmp(version->name, query->after, size) == 0))
            continue;
        if (size == 0) {
            print_entry(&listing, version->name, version->number, version->kind);
        } else if (strncmp(group, version->name, size) != 0 || group[size] != '\0') {
            (void)snprintf(group, sizeof group, "%.*s", (int)size, version->name);
            fy_buf_printf(&listing.text, "%s ", group);
        }
    }
    return list_end(&listing);
}

/* ------------------------------------------------------------------ chance */

static uint32_t chance(uint32_t *seed, uint32_t below)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % below;
}

static void random_text(uint32_t *seed, uint32_t parts_max, char text[static 32])
{
    static const char *const parts[] = {"a", "b", "B", "/", "/", "10", "9", "é", "€", "€b"};
    uint32_t count = chance(seed, parts_max + 1);
    size_t size = 0;
    text[0] = '\0';
    for (uint32_t part = 0; part < count; part++)
        size +=
            (size_t)snprintf(text + size, 32 - size, "%s", parts[chance(seed, FY_COUNT_OF(parts))]);
    assert_true(size < 32);
}

/* The history of a name: the register newest of what has a body, behind it older versions, and
 * registered ones anywhere. */
static void random_name(uint32_t *seed, struct model *model)
{
    char name[32];
    random_text(seed, 5, name);
    for (size_t index = 0; index < model->count; index++)
        if (strcmp(model->versions[index].name, name) == 0)
            return;
    if (name[0] == '\0')
        return;
    int64_t number = 250 - chance(seed, 100);
    uint32_t newer = chance(seed, 4) == 0 ? chance(seed, 3) : 0;
    while (newer-- > 0)
        add(model, name, number -= 1 + chance(seed, 3), REGISTERED, false);
    enum kind kind = (enum kind[]){BODY, BODY, MARKER, ERASED}[chance(seed, 4)];
    add(model, name, number -= 1 + chance(seed, 3), kind, true);
    model->versions[model->count - 1].old = kind == BODY && chance(seed, 3) == 0;
    uint32_t older = kind == ERASED || chance(seed, 3) > 0 ? 0 : chance(seed, 25);
    while (older-- > 0)
        add(model, name, number -= 1 + chance(seed, 3), (enum kind)chance(seed, 3), false);
}

static void compare_lists(struct contract *c, struct model *model,
                          const struct fy_version_query *query, uint32_t limit)
{
    char *wanted = model_list(model, query);
    char *given = list_by(c, query, limit);
    if (strcmp(wanted, given) != 0)
        fail_msg("prefix '%s' after '%s' %lld before '%s' delimiter '%s' all %d deleted %d "
                 "version %lld limit %u:\n%s\n%s",
                 query->prefix, query->after, (long long)query->version_after, query->before,
                 query->delimiter, query->all, query->deleted, (long long)query->version, limit,
                 wanted, given);
    free(wanted);
    free(given);
}

static struct fy_version_query whole(void)
{
    return version_query("client-1", "bucket-1", false, 1000);
}

static void random_query(struct contract *c, struct model *model, uint32_t *seed)
{
    static const char *const delimiters[] = {"", "", "/", "é", "€", "€b", "b/"};
    char prefix[32], after[32], before[32];
    struct fy_version_query query = whole();
    random_text(seed, chance(seed, 2), prefix);
    random_text(seed, chance(seed, 4), after);
    random_text(seed, chance(seed, 4), before);
    query.prefix = prefix;
    query.after = after;
    query.before = chance(seed, 4) == 0 ? before : "";
    query.delimiter = delimiters[chance(seed, FY_COUNT_OF(delimiters))];
    query.all = chance(seed, 2) == 0;
    query.deleted = chance(seed, 2) == 0;
    if (chance(seed, 3) == 0)
        query.version_after = 150 + chance(seed, 100);
    if (chance(seed, 8) == 0)
        query.version = 150 + chance(seed, 100);
    compare_lists(c, model, &query, 1 + chance(seed, 40));
}

/* Whatever is asked for, in pages of whatever size: what a walk over all of it would have found. */
static void lists_say_what_a_walk_over_everything_finds(void **state)
{
    struct contract *c = *state;
    struct model model = {.count = 0};
    uint32_t seed = 6;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    while (model.count < VERSIONS_MAX - 40)
        random_name(&seed, &model);
    fill(c, &model);
    for (int round = 0; round < 700; round++)
        random_query(c, &model, &seed);
}

static void expect_list(struct contract *c, const struct fy_version_query *query, uint32_t limit,
                        const char *wanted)
{
    char *given = list_by(c, query, limit);
    assert_string_equal(given, wanted);
    free(given);
}

static void names_are_in_the_order_of_their_bytes(void **state)
{
    static const char *const names[] = {"b", "a", "B", "a/1", "10", "9", "é"};
    struct contract *c = *state;
    struct model model = {.count = 0};
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    for (size_t index = 0; index < FY_COUNT_OF(names); index++)
        add(&model, names[index], 1, BODY, true);
    fill(c, &model);
    struct fy_version_query query = whole();
    expect_list(c, &query, 1000, "10@1 9@1 B@1 a@1 a/1@1 b@1 é@1 ");
}

static void group_is_listed_once_and_a_marker_in_it_skips_it(void **state)
{
    static const char *const names[] = {"1/a", "1/b", "2/c", "top"};
    struct contract *c = *state;
    struct model model = {.count = 0};
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    for (size_t index = 0; index < FY_COUNT_OF(names); index++)
        add(&model, names[index], 1, BODY, true);
    add(&model, "3/gone", 1, MARKER, true);
    fill(c, &model);
    struct fy_version_query query = whole();
    query.delimiter = "/";
    expect_list(c, &query, 1000, "1/ 2/ top@1 ");
    expect_list(c, &query, 1, "1/ 2/ top@1 ");
    query.after = "1/";
    expect_list(c, &query, 1000, "2/ top@1 ");
    query.after = "1/a";
    expect_list(c, &query, 1000, "2/ top@1 ");
    query.after = "";
    query.deleted = true;
    expect_list(c, &query, 1000, "1/ 2/ 3/ top@1 ");
    query.prefix = "1/";
    expect_list(c, &query, 1000, "1/a@1 1/b@1 ");
}

static void texts_longer_than_any_name_are_compared_all_the_same(void **state)
{
    struct contract *c = *state;
    struct model model = {.count = 0};
    char text[FY_OIO_TEXT_BYTES_MAX + 1];
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    add(&model, "a", 1, BODY, true);
    add(&model, "c", 1, BODY, true);
    fill(c, &model);
    memset(text, 'b', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct fy_version_query query = whole();
    query.prefix = text;
    expect_list(c, &query, 1000, "");
    query.prefix = "";
    query.before = text;
    expect_list(c, &query, 1000, "a@1 ");
    query.before = "";
    query.after = text;
    query.all = true;
    query.version_after = 7;
    query.delimiter = "b";
    expect_list(c, &query, 1000, "c@1 ");
}

static bool on_nothing(void *arg, const struct fy_version_entry *entry)
{
    (void)arg, (void)entry;
    fail_msg("nothing is there to be listed");
    return true;
}

static enum fy_code list_code(struct contract *c, const struct fy_version_query *query)
{
    return fy_catalogue_version_list(c->catalogue, query, on_nothing, NULL, &c->err);
}

static void what_is_not_there_or_no_text_is_not_listed(void **state)
{
    struct contract *c = *state;
    struct fy_version_query query = whole();
    assert_int_equal(list_code(c, &query), FY_ENOTFOUND);
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(list_code(c, &query), FY_OK);
    query.prefix = "\xc3";
    assert_int_equal(list_code(c, &query), FY_EINPUT);
    query.prefix = "";
    assert_int_equal(contract_rmbucket(c, "client-1", "bucket-1"), FY_OK);
    assert_int_equal(list_code(c, &query), FY_ENOTFOUND);
}

static bool on_first(void *arg, const struct fy_version_entry *entry)
{
    (void)entry;
    return ++*(uint32_t *)arg < 3;
}

static void visitor_ends_the_list(void **state)
{
    struct contract *c = *state;
    struct model model = {.count = 0};
    uint32_t seen = 0;
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    for (int64_t number = 1; number < 9; number++)
        add(&model, "a", number, BODY, number == 8);
    fill(c, &model);
    struct fy_version_query query = whole();
    query.all = true;
    assert_int_equal(fy_catalogue_version_list(c->catalogue, &query, on_first, &seen, &c->err),
                     FY_OK);
    assert_int_equal(seen, 3);
}

/* A slow visitor holds nobody up, not even who writes to what it reads. */
static bool on_slow(void *arg, const struct fy_version_entry *entry)
{
    struct contract *c = arg;
    if (strcmp(entry->row->name, "a") == 0)
        assert_int_equal(contract_put(c, "client-1", "bucket-1", "new", "bytes"), FY_OK);
    return true;
}

static void visitor_may_write_to_what_it_lists(void **state)
{
    struct contract *c = *state;
    struct model model = {.count = 0};
    assert_int_equal(contract_mkbucket(c, "client-1", "bucket-1"), FY_OK);
    add(&model, "a", 1, BODY, true);
    add(&model, "b", 1, BODY, true);
    fill(c, &model);
    struct fy_version_query query = whole();
    assert_int_equal(fy_catalogue_version_list(c->catalogue, &query, on_slow, c, &c->err), FY_OK);
    assert_int_equal(contract_status(c, "bucket-1", "new"), FY_STATUS_READY);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, contract_setup, contract_teardown)

int catalogue_contract_page(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lists_say_what_a_walk_over_everything_finds),
        TEST(names_are_in_the_order_of_their_bytes),
        TEST(group_is_listed_once_and_a_marker_in_it_skips_it),
        TEST(texts_longer_than_any_name_are_compared_all_the_same),
        TEST(what_is_not_there_or_no_text_is_not_listed),
        TEST(visitor_ends_the_list),
        TEST(visitor_may_write_to_what_it_lists),
    };
    return cmocka_run_group_tests_name("catalogue lists of versions", tests, NULL, NULL);
}
