/* api_openapi_test.c - the routes tables and api/openapi.yaml say the same, both ways. What a
 * running site answers is compared with the text by tests/integration/test_openapi.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ctype.h>

#include "api/http.h"

extern const char fy_openapi_yaml[]; /* put into the program by the build */

#define OPERATIONS_MAX 128

struct operation {
    char method[8];
    char path[128]; /* variables without their names: "/ferry/v1/orders/{}" */
    bool client;    /* x-clonecloudstore-client-id is required */
};

struct operations {
    struct operation list[OPERATIONS_MAX];
    size_t count;
};

/* {bucket}, {objectName} and {object*} become {}: names of variables are nobody's business. */
static void plain_path(char *out, size_t out_bytes, const char *path, size_t path_bytes)
{
    size_t filled = 0;
    bool inside = false;
    for (size_t i = 0; i < path_bytes; i++) {
        if (path[i] == '}')
            inside = false;
        if (!inside) {
            assert_true(filled + 1 < out_bytes);
            out[filled++] = path[i];
        }
        if (path[i] == '{')
            inside = true;
    }
    out[filled] = '\0';
}

static void add(struct operations *all, const char *method, size_t method_bytes, const char *path,
                size_t path_bytes, bool client)
{
    assert_true(all->count < OPERATIONS_MAX);
    struct operation *operation = &all->list[all->count++];
    assert_true(method_bytes < sizeof operation->method);
    for (size_t i = 0; i < method_bytes; i++)
        operation->method[i] = (char)toupper((unsigned char)method[i]);
    plain_path(operation->path, sizeof operation->path, path, path_bytes);
    operation->client = client;
}

static void read_tables(struct operations *all)
{
    for (size_t t = 0; t < fy_tables_api_count; t++)
        for (size_t r = 0; r < fy_tables_api[t]->count; r++) {
            const struct fy_route *route = &fy_tables_api[t]->routes[r];
            add(all, route->method, strlen(route->method), route->pattern, strlen(route->pattern),
                route->client_required);
        }
}

/*
 * The lines under "paths:". A path has two spaces before it; its "parameters:", which come first,
 * and its methods have four.
 */
static void read_yaml(struct operations *all)
{
    static const char begin[] = "\npaths:\n", client_parameter[] = "/parameters/clientId\"";
    const char *path = NULL, *line = strstr(fy_openapi_yaml, begin);
    size_t path_bytes = 0;
    bool client = false;
    assert_non_null(line);
    for (line += strlen(begin); *line == ' ' || *line == '\n'; line += strcspn(line, "\n") + 1) {
        size_t indent = strspn(line, " ");
        const char *word = line + indent;
        size_t word_bytes = strcspn(word, ":\n");
        if (indent == 2 && word[0] == '/') {
            path = word;
            path_bytes = word_bytes;
            client = false;
        } else if (indent == 4 && strncmp(word, "parameters:", 11) != 0) {
            assert_non_null(path);
            add(all, word, word_bytes, path, path_bytes, client);
        } else if (indent == 6) {
            client |= memmem(word, strcspn(word, "\n"), client_parameter,
                             strlen(client_parameter)) != NULL;
        }
    }
}

static bool find(struct operations *all, const struct operation *wanted)
{
    for (size_t i = 0; i < all->count; i++) {
        struct operation *operation = &all->list[i];
        if (strcmp(operation->method, wanted->method) != 0 ||
            strcmp(operation->path, wanted->path) != 0)
            continue;
        if (operation->client != wanted->client)
            fail_msg("%s %s: one says that it needs a client-id, the other does not",
                     wanted->method, wanted->path);
        return true;
    }
    return false;
}

static void every_route_is_described_and_nothing_else(void **state)
{
    (void)state;
    struct operations *served = calloc(1, sizeof *served),
                      *described = calloc(1, sizeof *described);
    assert_non_null(served);
    assert_non_null(described);
    read_tables(served);
    read_yaml(described);
    assert_true(served->count > 50); /* or nothing was compared */
    for (size_t i = 0; i < served->count; i++)
        if (!find(described, &served->list[i]))
            fail_msg("%s %s is served, but not in api/openapi.yaml", served->list[i].method,
                     served->list[i].path);
    for (size_t i = 0; i < described->count; i++)
        if (!find(served, &described->list[i]))
            fail_msg("%s %s is in api/openapi.yaml, but not served", described->list[i].method,
                     described->list[i].path);
    assert_int_equal(served->count, described->count);
    free(served);
    free(described);
}

/* Otherwise clients generated from the text would give two calls one name. */
static void operation_ids_are_not_used_twice(void **state)
{
    (void)state;
    static const char key[] = "\n      operationId: ";
    size_t count = 0;
    for (const char *at = fy_openapi_yaml; (at = strstr(at, key)) != NULL; at++) {
        const char *paths_end = strstr(fy_openapi_yaml, "\ncomponents:\n");
        assert_non_null(paths_end);
        if (at > paths_end)
            break;
        size_t line_bytes = strlen(key) + strcspn(at + strlen(key), "\n") + 1;
        const char *again = memmem(at + 1, (size_t)(paths_end - at - 1), at, line_bytes);
        if (again != NULL)
            fail_msg("twice:%.*s", (int)line_bytes, at);
        count++;
    }
    assert_true(count > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_is_described_and_nothing_else),
        cmocka_unit_test(operation_ids_are_not_used_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
