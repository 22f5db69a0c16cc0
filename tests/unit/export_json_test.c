/* export_json_test.c - lines of an export written and read, and a whole file of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/adapters/export_json_stream.h"
#include "common/ports/zstd.h"

#define SHA   "g000000000000000000000000000000000000000000000000000"
#define STAMP "0001f3a5b6c00001@site-a"

static enum fy_code read_line(const char *text, struct fy_export_room *room,
                              struct fy_export_line *line, struct fy_err *err)
{
    return fy_export_json_read(text, strlen(text), room, line, err);
}

static void assert_same_again(const char *text)
{
    struct fy_export_room *room = fy_alloc(sizeof *room);
    struct fy_export_line line;
    struct fy_err err = {.code = FY_OK};
    struct fy_buf buf;
    fy_buf_init(&buf, FY_EXPORT_LINE_BYTES);
    if (read_line(text, room, &line, &err) != FY_OK)
        fail_msg("%s: %s", text, err.text);
    fy_export_json_write(&line, &buf);
    assert_int_equal(buf.bytes[buf.size_bytes - 1], '\n');
    buf.bytes[buf.size_bytes - 1] = '\0';
    assert_string_equal(buf.bytes, text);
    fy_buf_done(&buf);
    free(room);
}

static void every_kind_of_line_is_read_as_it_was_written(void **state)
{
    (void)state;
    assert_same_again(
        "{\"is\":\"head\",\"format\":1,\"number\":7,\"full\":true,\"catalogue\":\"abc\","
        "\"id\":\"paris\",\"at\":1700000000000}");
    assert_same_again("{\"is\":\"end\",\"count\":3}");
    assert_same_again("{\"is\":\"end\"}");
    assert_same_again(
        "{\"is\":\"bucket\",\"account\":\"c\",\"bucket\":\"b\",\"status\":200,\"stamp\":"
        "\"" STAMP "\",\"created\":5,\"deleted\":6,\"expires\":7,\"flag\":true}");
    assert_same_again("{\"is\":\"bucket\",\"account\":\"c\",\"bucket\":\"b\"}");
    assert_same_again(
        "{\"is\":\"targets\",\"account\":\"c\",\"bucket\":\"b\",\"targets\":\"x,y\"}");
    assert_same_again(
        "{\"is\":\"object\",\"account\":\"c\",\"bucket\":\"b\",\"object\":\"o\\n\\\"\xc3\xa9"
        "\",\"status\":200,\"stamp\":\"" STAMP "\",\"created\":5,\"size\":9,\"sha\":\"" SHA
        "\",\"place\":\"file:x\",\"proof\":1,\"hash\":\"h\",\"metadata\":\"{}\"}");
    assert_same_again(
        "{\"is\":\"object\",\"account\":\"c\",\"bucket\":\"b\",\"object\":\"o\",\"status\":"
        "204,\"stamp\":\"" STAMP "\",\"hash\":\"h\"}");
    assert_same_again("{\"is\":\"object\",\"number\":-7,\"account\":\"c\",\"bucket\":\"b\","
                      "\"object\":\"o\",\"guid\":\"g\",\"status\":204,\"stamp\":\"" STAMP
                      "\",\"flag\":true}");
    assert_same_again("{\"is\":\"version\",\"number\":9,\"account\":\"c\",\"bucket\":\"b\","
                      "\"object\":\"o\",\"guid\":\"g\",\"stamp\":\"" STAMP
                      "\",\"created\":5,\"size\":9,\"sha\":\"" SHA
                      "\",\"place\":\"file:x\",\"proof\":2}");
    assert_same_again("{\"is\":\"version\",\"number\":9,\"account\":\"c\",\"bucket\":\"b\","
                      "\"object\":\"o\",\"kind\":2,\"guid\":\"g\",\"size\":5}");
    assert_same_again("{\"is\":\"version\",\"number\":9,\"account\":\"c\",\"bucket\":\"b\","
                      "\"object\":\"o\",\"gone\":true}");
    assert_same_again("{\"is\":\"property\",\"number\":12,\"account\":\"c\",\"bucket\":\"b\","
                      "\"key\":\"user.k\",\"value\":\"v\"}");
    assert_same_again("{\"is\":\"property\",\"account\":\"c\",\"bucket\":\"b\",\"flag\":true,"
                      "\"gone\":true}");
    assert_same_again("{\"is\":\"rules\",\"account\":\"c\",\"bucket\":\"b\",\"versioned\":true,"
                      "\"policy\":0,\"exceeding\":true,\"keep\":-1,\"quota\":5,\"state\":1,"
                      "\"until\":9}");
    assert_same_again("{\"is\":\"rules\",\"account\":\"c\",\"bucket\":\"b\"}");
    assert_same_again("{\"is\":\"body\",\"size\":9,\"sha\":\"" SHA "\",\"place\":\"file:x\"}");
    assert_same_again("{\"is\":\"right\",\"client\":\"c\",\"bucket\":\"b\",\"rights\":7}");
    assert_same_again("{\"is\":\"right\",\"bucket\":\"b\",\"gone\":true}");
    assert_same_again(
        "{\"is\":\"site\",\"number\":100,\"id\":\"x\",\"name\":\"X\",\"uri\":\"http://x\","
        "\"flag\":true}");
    assert_same_again("{\"is\":\"site\",\"id\":\"x\",\"gone\":true}");
}

static void what_is_no_line_of_an_export_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "{\"is\":\"trash\"}",
        "{\"is\":\"\"}",
        "{\"is\":\"head\",\"format\":1}",
        "{\"is\":\"bucket\",\"bucket\":\"b\"}",
        "{\"is\":\"bucket\",\"account\":\"c\",\"bucket\":\"b\",\"status\":200}",
        "{\"is\":\"bucket\",\"account\":\"c\",\"bucket\":\"b\",\"status\":100,\"stamp\":\"" STAMP
        "\"}",
        "{\"is\":\"bucket\",\"account\":\"c\",\"bucket\":\"b\",\"status\":200,\"stamp\":"
        "\"ffffffffffffffff@site-a\"}",
        "{\"is\":\"object\",\"account\":\"c\",\"bucket\":\"b\",\"status\":204,\"stamp\":\"" STAMP
        "\"}",
        "{\"is\":\"object\",\"account\":\"c\",\"bucket\":\"b\",\"object\":\"o\",\"status\":200,"
        "\"stamp\":"
        "\"" STAMP "\",\"size\":1,\"sha\":\"no\",\"place\":\"file:x\",\"proof\":1}",
        "{\"is\":\"object\",\"account\":\"c\",\"bucket\":\"b\",\"object\":\"o\",\"status\":200,"
        "\"stamp\":"
        "\"" STAMP "\",\"size\":1,\"sha\":\"" SHA "\",\"proof\":1}",
        "{\"is\":\"object\",\"account\":\"c\",\"bucket\":\"b\",\"object\":\"o\",\"status\":200,"
        "\"stamp\":"
        "\"" STAMP "\",\"size\":-1,\"sha\":\"" SHA "\",\"place\":\"file:x\",\"proof\":1}",
        "{\"is\":\"targets\",\"account\":\"c\",\"bucket\":\"b\",\"targets\":\"x,,y\"}",
        "{\"is\":\"right\",\"bucket\":\"b\",\"rights\":7}",
        "{\"is\":\"right\",\"client\":\"c\",\"bucket\":\"b\",\"rights\":8}",
        "{\"is\":\"site\",\"id\":\"x y\",\"uri\":\"http://x\"}",
        "{\"is\":\"site\",\"id\":\"x\"}",
        "{\"is\":\"site\",\"id\":\"x\",\"uri\":\"http://x\",\"number\":-1}",
        "{\"is\":\"version\",\"account\":\"c\",\"bucket\":\"b\",\"object\":\"o\",\"kind\":1}",
        "{\"is\":\"version\",\"account\":\"c\",\"bucket\":\"b\",\"object\":\"o\",\"number\":7,"
        "\"kind\":3}",
        "{\"is\":\"version\",\"account\":\"c\",\"bucket\":\"b\",\"object\":\"o\",\"number\":7,"
        "\"size\":1,\"sha\":\"" SHA "\",\"proof\":1}",
        "{\"is\":\"property\",\"account\":\"c\",\"bucket\":\"b\",\"value\":\"v\"}",
        "{\"is\":\"property\",\"account\":\"c\",\"bucket\":\"b\",\"key\":\"k\",\"value\":\"v\","
        "\"number\":-1}",
        "{\"is\":\"rules\",\"account\":\"c\",\"bucket\":\"b\",\"state\":3}",
        "{\"is\":\"rules\",\"bucket\":\"b\",\"policy\":3}",
    };
    struct fy_export_room *room = fy_alloc(sizeof *room);
    struct fy_export_line line;
    (void)state;
    for (size_t i = 0; i < FY_COUNT_OF(bad); i++) {
        struct fy_err err = {.code = FY_OK};
        if (read_line(bad[i], room, &line, &err) != FY_ECORRUPT)
            fail_msg("taken: %s", bad[i]);
        assert_true(err.text[0] != '\0');
    }
    free(room);
}

/* ------------------------------------------------------------------ files */

#define HEAD "{\"is\":\"head\",\"format\":1,\"number\":7,\"catalogue\":\"abc\",\"id\":\"paris\"}\n"
#define LINE "{\"is\":\"site\",\"id\":\"x\",\"gone\":true}\n"
#define END  "{\"is\":\"end\",\"count\":2}\n"

static size_t compress(const char *text, uint8_t *out, size_t out_bytes)
{
    struct fy_rezstd *zstd = fy_rezstd_new();
    const uint8_t *in = (const uint8_t *)text;
    size_t in_bytes = strlen(text);
    bool ended = false;
    size_t size = fy_rezstd_step(zstd, &in, &in_bytes, true, out, out_bytes, &ended);
    assert_true(ended);
    fy_rezstd_free(zstd);
    return size;
}

static enum fy_code count_line(void *arg, const struct fy_export_line *line, struct fy_err *err)
{
    int *count = arg;
    assert_int_equal(line->kind, FY_EXPORT_SITE);
    (*count)++;
    return *count == 100 ? fy_err_set(err, FY_ENOSPACE, "enough") : FY_OK;
}

/* What becomes of a file of this text that is cut after so many bytes, fed in pieces of step. */
static enum fy_code read_file(const char *text, size_t cut, size_t step, int *count)
{
    uint8_t bytes[4096];
    struct fy_err err = {.code = FY_OK};
    size_t size = compress(text, bytes, sizeof bytes);
    *count = 0;
    struct fy_export_stream *stream = fy_export_stream_new(count_line, count);
    enum fy_code code = FY_OK;
    size = size > cut ? size - cut : 0;
    for (size_t at = 0; code == FY_OK && at < size; at += step)
        code = fy_export_stream_feed(stream, bytes + at, step < size - at ? step : size - at, &err);
    if (code == FY_OK)
        code = fy_export_stream_end(stream, &err);
    assert_int_equal(fy_export_stream_count(stream), *count);
    fy_export_stream_free(stream);
    return code;
}

static void whole_file_is_taken_in_any_pieces(void **state)
{
    int count = 0;
    (void)state;
    for (size_t step = 1; step < 60; step += 7) {
        assert_int_equal(read_file(HEAD LINE LINE END, 0, step, &count), FY_OK);
        assert_int_equal(count, 2);
    }
}

static void file_that_is_cut_or_not_one_is_told_from_a_whole_one(void **state)
{
    static const char *const bad[] = {
        "",
        LINE LINE END,
        HEAD,
        HEAD LINE LINE,
        HEAD LINE END,
        HEAD LINE LINE END LINE,
        HEAD LINE LINE END "{",
        HEAD HEAD LINE LINE END,
        HEAD LINE LINE "{\"is\":\"end\",\"count\":2}",
        "{\"is\":\"head\",\"format\":3,\"catalogue\":\"abc\"}\n" LINE LINE END,
    };
    int count = 0;
    (void)state;
    for (size_t i = 0; i < FY_COUNT_OF(bad); i++)
        if (read_file(bad[i], 0, 4096, &count) != FY_ECORRUPT)
            fail_msg("taken: %s", bad[i]);
    for (size_t cut = 1; cut < 40; cut++)
        assert_int_equal(read_file(HEAD LINE LINE END, cut, 4096, &count), FY_ECORRUPT);
}

static enum fy_code compare_line(void *arg, const struct fy_export_line *line, struct fy_err *err)
{
    bool *alike = arg;
    (void)err;
    *alike =
        *alike && line->kind == FY_EXPORT_SITE && strcmp(line->site_id, "x") == 0 && line->gone;
    return FY_OK;
}

/* Most make other letters of the same number; a few bits mean nothing. */
static void file_with_a_changed_bit_is_damaged_or_says_the_same(void **state)
{
    uint8_t bytes[4096];
    size_t size = compress(HEAD LINE LINE END, bytes, sizeof bytes);
    (void)state;
    for (size_t bit = 0; bit < 8 * size; bit++) {
        bool alike = true;
        struct fy_err err = {.code = FY_OK};
        struct fy_export_stream *stream = fy_export_stream_new(compare_line, &alike);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        enum fy_code code = fy_export_stream_feed(stream, bytes, size, &err);
        if (code == FY_OK)
            code = fy_export_stream_end(stream, &err);
        if (code == FY_OK ? !alike || strcmp(fy_export_stream_head(stream)->catalogue, "abc") != 0
                          : code != FY_ECORRUPT)
            fail_msg("taken with another bit %zu", bit);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        fy_export_stream_free(stream);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_line_is_read_as_it_was_written),
        cmocka_unit_test(what_is_no_line_of_an_export_is_refused),
        cmocka_unit_test(whole_file_is_taken_in_any_pieces),
        cmocka_unit_test(file_that_is_cut_or_not_one_is_told_from_a_whole_one),
        cmocka_unit_test(file_with_a_changed_bit_is_damaged_or_says_the_same),
    };
    return cmocka_run_group_tests_name("lines of an export", tests, NULL, NULL);
}
