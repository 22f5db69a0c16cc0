/* route.c - which route serves a path: literal segments win over variables, a variable over a rest.
 */
#include <stdlib.h>
#include <string.h>

#include "api/exchange.h"
#include "common/core/names.h"

#define SEGMENTS_MAX 12 /* of a pattern */

enum segment_kind { SEGMENT_END, SEGMENT_REST, SEGMENT_VARIABLE, SEGMENT_LITERAL };

/* One step of walking a pattern: the segment after the slash at `at`. */
struct segment {
    enum segment_kind kind;
    const char *text; /* literal, or the variable's name */
    size_t text_bytes;
};

/* Where a pattern met a path. */
struct match {
    uint32_t rank; /* two bits a segment, first segment highest: the greater wins */
    size_t value_count;
    struct {
        const char *name;
        size_t name_bytes;
        const char *raw;
        size_t raw_bytes;
    } values[FY_ROUTE_VALUES_MAX];
};

static struct segment next_segment(const char **at)
{
    struct segment segment = {.kind = SEGMENT_END};
    if (**at == '\0')
        return segment;
    FY_ASSERT(**at == '/');
    const char *start = *at + 1;
    const char *end = strchrnul(start, '/');
    *at = end;
    segment.text = start;
    segment.text_bytes = (size_t)(end - start);
    segment.kind = SEGMENT_LITERAL;
    if (segment.text_bytes >= 3 && start[0] == '{') {
        segment.kind = end[-2] == '*' ? SEGMENT_REST : SEGMENT_VARIABLE;
        segment.text++;
        segment.text_bytes -= segment.kind == SEGMENT_REST ? 3 : 2;
    }
    return segment;
}

/* A literal of the path may be escaped where it need not be: /%72eplicator. */
static bool literal_equals(const struct segment *literal, const char *raw, size_t raw_bytes)
{
    if (raw_bytes == literal->text_bytes)
        return memcmp(raw, literal->text, raw_bytes) == 0;
    char plain[64];
    if (raw_bytes < literal->text_bytes || memchr(raw, '%', raw_bytes) == NULL ||
        raw_bytes >= 3 * sizeof plain)
        return false;
    if (fy_percent_decode(raw, raw_bytes, false, plain, sizeof plain, NULL) != FY_OK)
        return false;
    return strlen(plain) == literal->text_bytes &&
           memcmp(plain, literal->text, literal->text_bytes) == 0;
}

static void add_value(struct match *match, const struct segment *segment, const char *raw,
                      size_t raw_bytes)
{
    FY_ASSERT(match->value_count < FY_ROUTE_VALUES_MAX);
    size_t i = match->value_count++;
    match->values[i].name = segment->text;
    match->values[i].name_bytes = segment->text_bytes;
    match->values[i].raw = raw;
    match->values[i].raw_bytes = raw_bytes;
}

static bool match_path(const char *pattern, const char *path, struct match *match)
{
    *match = (struct match){0};
    const char *at = pattern;
    for (unsigned depth = 0;; depth++) {
        FY_ASSERT(depth < SEGMENTS_MAX);
        struct segment segment = next_segment(&at);
        match->rank |= (uint32_t)segment.kind << (2 * (SEGMENTS_MAX - 1 - depth));
        if (segment.kind == SEGMENT_END)
            return *path == '\0';
        if (*path != '/')
            return false;
        const char *raw = path + 1;
        size_t raw_bytes =
            segment.kind == SEGMENT_REST ? strlen(raw) : (size_t)(strchrnul(raw, '/') - raw);
        path = raw + raw_bytes;
        if (segment.kind == SEGMENT_LITERAL) {
            if (!literal_equals(&segment, raw, raw_bytes))
                return false;
            continue;
        }
        if (raw_bytes == 0)
            return false;
        add_value(match, &segment, raw, raw_bytes);
    }
}

/* The best route of that method, or NULL; allowed gathers the methods of every route of the path.
 */
static const struct fy_route *find(struct fy_exchange *x, const char *method, struct match *best,
                                   struct fy_buf *allowed)
{
    const struct fy_route *found = NULL;
    struct match match;
    for (size_t t = 0; t < x->server->table_count; t++) {
        for (size_t r = 0; r < x->server->tables[t]->count; r++) {
            const struct fy_route *route = &x->server->tables[t]->routes[r];
            if (route->dialect != x->dialect || !match_path(route->pattern, x->path, &match))
                continue;
            if (strcmp(route->method, method) != 0) {
                fy_buf_printf(allowed, "%s%s", allowed->size_bytes > 0 ? ", " : "", route->method);
                x->module = route->module;
            } else if (found == NULL || match.rank > best->rank) {
                found = route;
                *best = match;
            }
        }
    }
    return found;
}

/* The module of an unknown path: that of the routes that share its first segment. */
static const char *module_of_path(struct fy_exchange *x)
{
    size_t bytes = x->path[0] == '/' ? 1 + strcspn(x->path + 1, "/") : 0;
    for (size_t t = 0; t < x->server->table_count; t++) {
        for (size_t r = 0; r < x->server->tables[t]->count; r++) {
            const struct fy_route *route = &x->server->tables[t]->routes[r];
            if (bytes > 1 && strncmp(route->pattern, x->path, bytes) == 0 &&
                (route->pattern[bytes] == '/' || route->pattern[bytes] == '\0'))
                return route->module;
        }
    }
    return "UNKNOWN";
}

static void refuse(struct fy_exchange *x, struct fy_buf *allowed)
{
    if (x->dialect != NULL) {
        fy_answer_fail(x, FY_ENOTFOUND, "No handler found");
        return;
    }
    if (allowed->size_bytes == 0) {
        x->module = module_of_path(x);
        fy_answer_fail(x, FY_ENOTFOUND, "no such path");
        return;
    }
    if (strstr(allowed->bytes, "GET") != NULL && strstr(allowed->bytes, "HEAD") == NULL)
        fy_buf_text(allowed, ", HEAD");
    fy_answer_header(x, "Allow", allowed->bytes);
    fy_answer_fail(x, FY_EMETHOD, "method not allowed here; allowed: %s", allowed->bytes);
}

/* Decodes the values into memory of the exchange. */
static void take_values(struct fy_exchange *x, const struct match *match)
{
    for (size_t i = 0; i < match->value_count; i++) {
        size_t name_bytes = match->values[i].name_bytes, raw_bytes = match->values[i].raw_bytes;
        char *text = fy_alloc(name_bytes + 1 + raw_bytes + 1);
        memcpy(text, match->values[i].name, name_bytes);
        char *value = text + name_bytes + 1;
        if (fy_percent_decode(match->values[i].raw, raw_bytes, false, value, raw_bytes + 1, NULL) !=
            FY_OK) {
            memcpy(value, match->values[i].raw, raw_bytes);
            value[raw_bytes] = '\0';
        }
        x->values[i] = (struct fy_text_pair){.name = text, .value = value};
    }
    x->value_count = match->value_count;
}

bool fy_route_find(struct fy_exchange *x)
{
    struct match match;
    struct fy_buf allowed;
    fy_buf_init(&allowed, 512);
    const struct fy_route *route = find(x, x->method, &match, &allowed);
    if (route == NULL && fy_is_head(x) && x->dialect == NULL) {
        fy_buf_clear(&allowed);
        route = find(x, "GET", &match, &allowed);
    }
    if (route != NULL) {
        x->route = route;
        x->module = route->module;
        take_values(x, &match);
    } else {
        refuse(x, &allowed);
    }
    fy_buf_done(&allowed);
    return route != NULL;
}
