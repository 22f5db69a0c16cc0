/* oio_event_json_impl.h - what the files of the codec share; nobody else includes it. */
#ifndef FY_ADAPTERS_OIO_EVENT_JSON_IMPL_H
#define FY_ADAPTERS_OIO_EVENT_JSON_IMPL_H

#include <inttypes.h>
#include <stdio.h>

#include "common/adapters/oio_event_json.h"
#include "common/core/oio.h"

/* Up to the key of its data. */
void fy_oio_event_begin(const struct fy_oio_event *event, struct fy_buf *buf);
/* Its content id: static, or in text. */
const char *fy_oio_content_id(const struct fy_oio_content *content,
                              char text[static FY_OIO_ID_DIGITS + 1]);

#endif
