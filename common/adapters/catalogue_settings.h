/* catalogue_settings.h - what a catalogue is opened with, whatever keeps its rows. */
#ifndef FY_ADAPTERS_CATALOGUE_SETTINGS_H
#define FY_ADAPTERS_CATALOGUE_SETTINGS_H

#include "common/core/clock.h"

struct fy_catalogue_settings {
    struct fy_clock *clock;
    const char *site;      /* own site id: origin of local orders */
    uint32_t reader_count; /* read connections; 1..32 */
    bool keeps; /* deleted objects can be undeleted, until they are purged: trash.keep above 0 */
    int64_t trash_grace_ms;    /* of a body's file that gave way to another copy: trash.grace */
    bool tells;                /* writes events: what became of orders, until they are done */
    const char *oio_namespace; /* and changes of containers, in that namespace; NULL: not those */
    int64_t versions; /* of a name, in containers that set no policy of versions: oio.versions */
    int64_t keep_deleted_ms; /* likewise for purges of deleted names: oio.keep_deleted */
};

#endif
