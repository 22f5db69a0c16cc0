/* container_rules.c - which properties of a container are more than texts, and what they say. */
#include "common/core/container_rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/core/names.h"

/* ------------------------------------------------------------------ state */

/* Minus one and minus two, as OpenIO prints them. */
static const char *const state_texts[] = {
    [FY_CONTAINER_ENABLED] = "0",
    [FY_CONTAINER_FROZEN] = "4294967295",
    [FY_CONTAINER_DISABLED] = "4294967294",
};

const char *fy_container_state_text(enum fy_container_state state)
{
    FY_ASSERT((unsigned)state < FY_COUNT_OF(state_texts));
    return state_texts[state];
}

enum fy_container_state fy_container_state_at(const struct fy_container_rules *rules,
                                              int64_t now_ms)
{
    bool ended = rules->frozen_until_ms != 0 && rules->frozen_until_ms <= now_ms;
    return rules->state == FY_CONTAINER_FROZEN && ended ? FY_CONTAINER_ENABLED : rules->state;
}

enum fy_code fy_container_refuses(const struct fy_container_row *row, enum fy_container_state state,
                                  enum fy_code code, struct fy_err *err)
{
    char until[sizeof(" until ") + FY_INSTANT_BYTES] = " until ";
    FY_ASSERT(state != FY_CONTAINER_ENABLED);
    bool ends = state == FY_CONTAINER_FROZEN && row->rules.frozen_until_ms != 0;
    if (ends)
        fy_instant_print(row->rules.frozen_until_ms, until + strlen(" until "));
    return fy_err_set(err, code, "bucket %.100s is %s%s: POST /v3.0/{NS}/admin/enable %s",
                      row->name, state == FY_CONTAINER_FROZEN ? "frozen" : "disabled",
                      ends ? until : "",
                      state == FY_CONTAINER_FROZEN ? "thaws it" : "enables it again");
}

void fy_container_rules_init(struct fy_container_rules *rules)
{
    *rules = (struct fy_container_rules){.policy = FY_UNSET, .keep_deleted_s = FY_UNSET};
}

/* ------------------------------------------------------------------ values */

/* Decimal digits behind an optional minus, and nothing else. */
static bool parse(const char *text, int64_t min, int64_t *value)
{
    const char *digits = text + (text[0] == '-');
    if (digits[0] == '\0' || strspn(digits, "0123456789") != strlen(digits))
        return false;
    errno = 0;
    long long number = strtoll(text, NULL, 10);
    if (errno != 0 || number < min)
        return false;
    *value = number;
    return true;
}

/* value NULL: the property is absent. */
typedef bool set_fn(struct fy_container_change *change, const char *value);

static bool set_policy(struct fy_container_change *change, const char *value)
{
    int64_t policy = FY_UNSET;
    if (value != NULL && !parse(value, FY_UNSET + 1, &policy))
        return false;
    change->rules.policy = policy;
    change->rules.versioned |= value != NULL;
    return true;
}

static bool set_delete_exceeding(struct fy_container_change *change, const char *value)
{
    int64_t flag = 0;
    if (value != NULL && !parse(value, INT64_MIN, &flag))
        return false;
    change->rules.delete_exceeding = flag != 0;
    return true;
}

static bool set_keep_deleted(struct fy_container_change *change, const char *value)
{
    int64_t seconds = FY_UNSET;
    if (value != NULL && !parse(value, FY_UNSET + 1, &seconds))
        return false;
    change->rules.keep_deleted_s = seconds;
    return true;
}

static bool set_quota(struct fy_container_change *change, const char *value)
{
    int64_t bytes = 0;
    if (value != NULL && !parse(value, 0, &bytes))
        return false;
    change->rules.quota = bytes;
    return true;
}

/* When it ends by itself is said with it: of an earlier freeze that would be over already. */
static bool set_status(struct fy_container_change *change, const char *value)
{
    size_t state = FY_CONTAINER_ENABLED;
    while (value != NULL && state < FY_COUNT_OF(state_texts) &&
           strcmp(value, state_texts[state]) != 0)
        state++;
    if (state == FY_COUNT_OF(state_texts))
        return false;
    change->rules.state = (enum fy_container_state)state;
    change->rules.frozen_until_ms = 0;
    return true;
}

static bool set_until(struct fy_container_change *change, const char *value)
{
    int64_t seconds = 0;
    if (value != NULL && (!parse(value, 0, &seconds) || seconds > INT64_MAX / 1000))
        return false;
    change->rules.frozen_until_ms = seconds * 1000;
    return true;
}

static bool set_objects(struct fy_container_change *change, const char *value)
{
    int64_t objects = 0;
    if (value != NULL && (!parse(value, 0, &objects) || objects > FY_COUNTER_MAX))
        return false;
    change->objects = objects;
    return true;
}

static bool set_bytes(struct fy_container_change *change, const char *value)
{
    int64_t bytes = 0;
    if (value != NULL && (!parse(value, 0, &bytes) || bytes > FY_COUNTER_MAX))
        return false;
    change->bytes = bytes;
    return true;
}

/* ------------------------------------------------------------------ keys */

static const struct key {
    const char *name; /* one that ends in '.': all that begin so */
    enum fy_property_kind kind;
    set_fn *set;
} keys[] = {
    {"sys.status", FY_PROPERTY_STATE, set_status},
    {"sys.status.until", FY_PROPERTY_STATE, set_until},
    {"sys.m2.policy.version", FY_PROPERTY_RULE, set_policy},
    {"sys.m2.policy.version.delete_exceeding", FY_PROPERTY_RULE, set_delete_exceeding},
    {"sys.m2.keep_deleted_delay", FY_PROPERTY_RULE, set_keep_deleted},
    {"sys.m2.quota", FY_PROPERTY_RULE, set_quota},
    {"sys.m2.objects", FY_PROPERTY_COUNTER, set_objects},
    {"sys.m2.usage", FY_PROPERTY_COUNTER, set_bytes},
    {"sys.m2.objects.", FY_PROPERTY_COMPUTED, NULL},
    {"sys.m2.usage.", FY_PROPERTY_COMPUTED, NULL},
    {"sys.account", FY_PROPERTY_COMPUTED, NULL},
    {"sys.user.name", FY_PROPERTY_COMPUTED, NULL},
    {"sys.name", FY_PROPERTY_COMPUTED, NULL},
    {"sys.ns", FY_PROPERTY_COMPUTED, NULL},
    {"sys.type", FY_PROPERTY_COMPUTED, NULL},
    {"sys.peers", FY_PROPERTY_COMPUTED, NULL},
    {"sys.m2.init", FY_PROPERTY_COMPUTED, NULL},
    {"sys.m2.ctime", FY_PROPERTY_COMPUTED, NULL},
    {"sys.m2.version", FY_PROPERTY_COMPUTED, NULL},
    {"sys.m2.shards", FY_PROPERTY_COMPUTED, NULL},
    {"schema_version", FY_PROPERTY_COMPUTED, NULL},
    {"version:", FY_PROPERTY_COMPUTED, NULL},
};

static const struct key *key_of(const char *name)
{
    for (size_t index = 0; index < FY_COUNT_OF(keys); index++) {
        size_t size = strlen(keys[index].name);
        char last = keys[index].name[size - 1];
        bool begins = last == '.' || last == ':';
        if (begins ? strncmp(name, keys[index].name, size) == 0
                   : strcmp(name, keys[index].name) == 0)
            return &keys[index];
    }
    return NULL;
}

enum fy_property_kind fy_property_kind(const char *key)
{
    const struct key *known = key_of(key);
    return known == NULL ? FY_PROPERTY_PLAIN : known->kind;
}

bool fy_property_is_absent(const struct fy_property *property)
{
    return property->value == NULL || property->value[0] == '\0';
}

static bool has_prefix(const char *key)
{
    return strncmp(key, "user.", strlen("user.")) == 0 || strncmp(key, "sys.", strlen("sys.")) == 0;
}

static bool is_text(const char *text)
{
    return text == NULL || fy_utf8_is_valid(text, strlen(text));
}

static enum fy_code check_key(const struct fy_property *property, const struct key *known,
                              bool making, struct fy_err *err)
{
    const char *key = property->key;
    if (key[0] == '\0' || !is_text(key) || !is_text(property->value))
        return fy_err_set(err, FY_EINPUT, "a property has no name, or is no UTF-8");
    if (making)
        return FY_OK;
    if (!has_prefix(key))
        return fy_err_set(err, FY_EINPUT, "%.100s begins neither with sys. nor with user.", key);
    if (known != NULL && known->set == NULL)
        return fy_err_set(err, FY_EINPUT, "%.100s is what the container is", key);
    return FY_OK;
}

static enum fy_code take(struct fy_container_change *change, const struct fy_property *property,
                         bool making, struct fy_err *err)
{
    const struct key *known = key_of(property->key);
    enum fy_code code = check_key(property, known, making, err);
    if (code != FY_OK || known == NULL || known->set == NULL)
        return code;
    if (making && known->kind == FY_PROPERTY_COUNTER)
        return FY_OK;
    if (!known->set(change, fy_property_is_absent(property) ? NULL : property->value))
        return fy_err_set(err, FY_EINPUT, "%s cannot be %.100s", known->name, property->value);
    return FY_OK;
}

enum fy_code fy_container_change(struct fy_container_change *change,
                                 const struct fy_property *properties, size_t count, bool making,
                                 struct fy_err *err)
{
    struct fy_container_change next = {
        .rules = change->rules, .objects = FY_UNSET, .bytes = FY_UNSET};
    const struct fy_property *until = NULL; /* taken last: a state that is set resets it */
    enum fy_code code = FY_OK;
    for (size_t index = 0; index < count && code == FY_OK; index++) {
        if (strcmp(properties[index].key, "sys.status.until") == 0)
            until = &properties[index];
        else
            code = take(&next, &properties[index], making, err);
    }
    if (code == FY_OK && until != NULL)
        code = take(&next, until, making, err);
    if (code == FY_OK)
        *change = next;
    return code;
}
