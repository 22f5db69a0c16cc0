/* export_file.c - lines compressed into a kept file of the store. */
#include "worker/export_file.h"

#include <string.h>

#include "common/adapters/export_json.h"

static enum fy_code compress(struct fy_export_file *file, const char *bytes, size_t size_bytes,
                             bool end, struct fy_err *err)
{
    const uint8_t *in = (const uint8_t *)bytes;
    bool ended = false;
    enum fy_code code = FY_OK;
    size_t made;
    do {
        made = fy_rezstd_step(file->zstd, &in, &size_bytes, end, file->chunk, sizeof(file->chunk),
                              &ended);
        if (made > 0)
            code = fy_store_append(file->store, file->writer, file->chunk, made, err);
        /* A chunk that is not full is all there is for now. */
    } while (code == FY_OK && !ended && (size_bytes > 0 || end || made == sizeof(file->chunk)));
    return code;
}

static enum fy_code add_line(struct fy_export_file *file, const struct fy_export_line *line,
                             bool end, struct fy_err *err)
{
    FY_AUTO(fy_buf_done) struct fy_buf text;
    fy_buf_init(&text, FY_EXPORT_LINE_BYTES);
    fy_export_json_write(line, &text);
    FY_ASSERT(!text.overflow);
    return compress(file, text.bytes, text.size_bytes, end, err);
}

enum fy_code fy_export_file_open(struct fy_export_file *file, struct fy_store *store,
                                 const struct fy_export_name *name, const char *site, int64_t at_ms,
                                 struct fy_err *err)
{
    FY_ASSERT(file->writer == NULL);
    const struct fy_export_line head = {.kind = FY_EXPORT_HEAD,
                                        .format = FY_EXPORT_FORMAT,
                                        .number = name->number,
                                        .full = name->full,
                                        .catalogue = name->catalogue,
                                        .site_id = site,
                                        .at_ms = at_ms};
    enum fy_code code = fy_store_begin(store, -1, &file->writer, err);
    if (code != FY_OK)
        return code;
    file->store = store;
    file->name = *name;
    file->zstd = fy_rezstd_new();
    file->count = 0;
    code = add_line(file, &head, false, err);
    if (code != FY_OK)
        fy_export_file_abort(file);
    return code;
}

enum fy_code fy_export_file_add(struct fy_export_file *file, const char *lines, size_t lines_bytes,
                                struct fy_err *err)
{
    for (size_t i = 0; i < lines_bytes; i++)
        file->count += lines[i] == '\n';
    return compress(file, lines, lines_bytes, false, err);
}

enum fy_code fy_export_file_keep(struct fy_export_file *file, struct fy_err *err)
{
    char name[FY_KEPT_NAME_BYTES_MAX + 1];
    const struct fy_export_line end = {.kind = FY_EXPORT_END, .count = file->count};
    enum fy_code code = add_line(file, &end, true, err);
    if (code != FY_OK) {
        fy_export_file_abort(file);
        return code;
    }
    fy_export_name_print(&file->name, name);
    struct fy_writer *writer = file->writer;
    file->writer = NULL;
    fy_rezstd_free(file->zstd);
    return fy_store_keep(file->store, writer, name, err);
}

void fy_export_file_abort(struct fy_export_file *file)
{
    if (file->writer == NULL)
        return;
    fy_store_abort(file->store, file->writer);
    fy_rezstd_free(file->zstd);
    file->writer = NULL;
}
