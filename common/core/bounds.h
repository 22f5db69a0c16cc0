/* bounds.h - every limit of Ferry in one place: its value, its reason, and what reaching it means.
 */
#ifndef FY_CORE_BOUNDS_H
#define FY_CORE_BOUNDS_H

#include <assert.h>

/* Texts. A longer one from outside is refused with 400; sizes are without the closing zero byte. */
#define FY_SITE_BYTES_MAX   64   /* ^[0-9A-Za-z.-]{1,64}$: fits headers and topic names */
#define FY_CLIENT_BYTES_MAX 255  /* CCS wants 63; OpenIO accounts go to 255 */
#define FY_BUCKET_BYTES_MAX 1023 /* CCS wants 63; OpenIO containers go to 1023 */
#define FY_OBJECT_BYTES_MAX 1024 /* CCS 1024; between Ferry sites 1023 */
#define FY_OP_ID_BYTES_MAX                                                                         \
    200 /* a GUID has 26; correlation ids of others fit, with "-" and index */
#define FY_HASH_BYTES_MAX      128  /* opaque hash text of a CCS order (spec 2.5) */
#define FY_URI_BYTES_MAX       512  /* base URI of a site */
#define FY_METADATA_BYTES_MAX  4096 /* metadata JSON text; CCS documents 2 KB */
#define FY_BLOB_REF_BYTES_MAX  160  /* opaque reference a store gives out */
#define FY_KEPT_NAME_BYTES_MAX 72   /* a kept file of the store, beside the bodies */
#define FY_ERR_TEXT_BYTES      320  /* one sentence for the person on call, cut beyond */
#define FY_STAMP_TEXT_BYTES    (16 + 1 + FY_SITE_BYTES_MAX + 1) /* "hex16@site" and zero */
#define FY_KEY_BYTES_MAX       (FY_BUCKET_BYTES_MAX + 1 + FY_OBJECT_BYTES_MAX) /* bucket 0 object */
#define FY_ORDER_JSON_BYTES    (64 << 10) /* one order as text; more is poison (ENGINE 1.10) */
#define FY_TARGETS_BYTES_MAX   4160       /* a bucket's target sites: FY_SITES_MAX of them */
#define FY_TOPIC_BYTES_MAX     200        /* prefix + request-replication.<site> */
#define FY_FILTER_PAIRS_MAX    32         /* metadata pairs a listing may ask for; more is 400 */
#define FY_PATH_PART_BYTES_MAX                                                                     \
    (16 << 10)                 /* a name before cleaning: 1024 characters, escaped twice */
#define FY_LOG_LINE_BYTES 4096 /* PIPE_BUF: one write to a pipe is never mixed with another's */
#define FY_LOG_WAIT_MS    50   /* a log reader that stays away so long loses lines, we go on */

/* The API. */
#define FY_ORDERS_PER_REQUEST_MAX 10000     /* orders/multiple: more is 413 */
#define FY_ORDERS_BODY_BYTES_MAX  (8 << 20) /* orders/multiple: more is 413 */
#define FY_NDJSON_GROUP           1000      /* NDJSON orders are accepted in groups of so many */
#define FY_ORDERS_GROUP_BYTES                                                                      \
    (1 << 20)             /* records of one request in memory; more are published in groups */
#define FY_TURN_THREADS 4 /* requests at once that take much memory beside their body */
#define FY_TURN_BYTES_MAX                                                                          \
    (4 << 20) /* records of theirs on their way through the queue; more wait for it */
#define FY_JSON_BODY_BYTES_MAX (64 << 10) /* any other JSON body: more is 413 */
#define FY_JSON_DEPTH_MAX      16         /* deeper JSON is refused before it is built */
#define FY_CONNECTIONS_MAX     1200       /* per process; a thousand slow ones must fit */
#define FY_CONNECTION_BYTES    (20 << 10) /* its buffers: bounds the header block (431) */
#define FY_CONNECTIONS_SPARE   64         /* beyond it, to tell them so: 503 and close */
#define FY_SEAT_SILENT_MS      2000 /* a new connection must ask by then, when others want its place */
#define FY_SEAT_KEEP_MS        10000 /* and one that was served may be idle so long */
#define FY_IDLE_TIMEOUT_S      60    /* a silent connection is closed */
#define FY_BODIES_BYTES_MAX                                                                        \
    (6 << 20) /* request bodies in memory at once; beyond it only one grows, the others wait */
#define FY_BODY_SMALL_BYTES 4096 /* of each body always: bounded by the connections */
#define FY_ROOM_WAIT_PARTS                                                                         \
    3 /* that part of the idle time-out a body waits for memory; then 503                          \
       */
#define FY_BODY_DROP_BYTES_MAX                                                                     \
    (64 << 10)                         /* unwanted rest of a body that is read before the answer */
#define FY_LINGER_MS        5000       /* an early answer waits so long for its client to stop */
#define FY_LINGER_BYTES_MAX (64 << 20) /* and drops so many of its bytes, then cuts */
#define FY_ANSWERS_BYTES_MAX                                                                       \
    (4 << 20) /* large answers in memory that are not read yet; more is 503 */
#define FY_ANSWERS_VITAL_BYTES   (1 << 20)   /* beyond it, for who asks how Ferry is */
#define FY_LISTINGS_BYTES_MAX    (1 << 20)   /* pages of listings; beyond it they are short */
#define FY_LIST_PAGE_BYTES       (256 << 10) /* a page of our own listings ends with this row */
#define FY_ZSTD_ANSWERS_MAX      6  /* answers compressed at once, 1.1 MiB each; more go plain */
#define FY_ZSTD_BODIES_MAX       8  /* zstd uploads at once, 1.3 MiB each; more is 503 */
#define FY_QUERY_PAIRS_MAX       32 /* parameters of a query; more is 400 */
#define FY_ANSWER_HEAD_BYTES_MAX (16 << 10) /* headers a handler adds: metadata and names fit */
#define FY_LIST_PAGE_MAX         1000       /* rows per page of our own listings */
#define FY_DIGEST_ROWS_MAX       5000000    /* rows summed for one request: some seconds */
#define FY_DIGEST_MS_MAX         20000 /* where rows are slow: it answers with what it has summed */
#define FY_WALKS_MAX             2 /* over many objects at once; more are 503: live orders first */
#define FY_STAMP_AHEAD_MS_MAX    600000 /* a stamp further ahead is refused with 400 */
#define FY_SKEW_ALARM_MS         60000  /* clock skew against a peer that raises an alarm */

/* The engine. */
#define FY_PARTITIONS_DEFAULT 12     /* partitions of an embedded topic */
#define FY_PARTITIONS_MAX     256    /* per topic */
#define FY_LEDGER_WINDOW      131072 /* offsets a partition may be ahead of its base */
#define FY_INCOMPLETES_MAX                                                                         \
    1000 /* orders of a partition in memory: their offsets always fit beside the committed one */
#define FY_COMMIT_TEXT_BYTES_MAX 4096 /* beside a committed offset: Kafka refuses one byte more */
#define FY_INFLIGHT_ORDERS_MAX   512  /* transfers at once: permits */
#define FY_INFLIGHT_BYTES_MAX                                                                      \
    (24 << 20) /* bytes of promised size below big, at once; big ones count FY_SPOOL_BYTES */
#define FY_INFLIGHT_SITE_MAX 256  /* transfers at once from one site */
#define FY_LANES_ORDERS_MAX  4096 /* orders held in memory in all lanes; more are not polled */
#define FY_RETRY_MEMORY_MAX                                                                        \
    1024 /* orders between tries in memory; more go to `waiting` at once                           \
          */
#define FY_RETRY_FIRST_MS       200   /* first pause between tries in memory, doubled each time */
#define FY_RETRY_PAUSE_MS_MAX   30000 /* longest pause between tries in memory */
#define FY_RETRY_MEMORY_MS      60000 /* a minute of tries in memory, then `waiting` */
#define FY_BIG_BYTES            (8 << 20)   /* from here a body gets two threads of its own */
#define FY_BIG_WRITERS_MAX      4           /* such bodies at once */
#define FY_CHUNK_BYTES          (128 << 10) /* one step of a stream */
#define FY_ZSTD_WINDOW_LOG_MAX  23          /* 8 MiB, RFC 9659 */
#define FY_ZSTD_BIG_WINDOWS_MAX 2           /* windows over 1 MiB at once */
#define FY_COMMIT_EVERY_MS      1000        /* offsets are committed so often */
#define FY_COMMIT_EVERY_ORDERS  5000        /* or after so many completions */
#define FY_BATCH_ORDERS         256         /* orders a sender puts into one request */
#define FY_BATCH_BYTES          (1 << 20)   /* and their bytes */
#define FY_CAT_BATCH_MAX        512         /* catalogue writes in one transaction */
#define FY_SYNC_THREADS                                                                            \
    32 /* threads for the durable tail of stores; measured: 16 fall short of 10k bodies/s */
#define FY_SITES_MAX 64 /* sites of a topology: one sender each */
#define FY_LAG_ALL_MS                                                                              \
    5000 /* for the lag of all topics: whoever scrapes metrics waits ten seconds, as a rule */
#define FY_CCS_SLICE_ORDERS                                                                        \
    32                          /* orders in flight to a CCS site: it does a few a second, one by  \
                                   one, so that more would only wait there */
#define FY_CCS_HOLD_MS     5000 /* without any progress: what a stuck order may cost the others */
#define FY_CCS_LOOK_MS     50   /* first pause before a CCS site is looked at again, doubled */
#define FY_CCS_LOOK_MS_MAX 1000 /* longest such pause */
#define FY_CCS_TELLS_MAX   8    /* times one order is told in one go; then it waits */

/* The engine's inner limits (worker/). */
#define FY_POLL_RECORDS        256 /* records taken from one partition before the next has its turn */
#define FY_LANES_CLAIM_RESERVE 512 /* of the orders in memory, kept free for rows of `waiting` */
#define FY_LOOK_BATCH          256 /* orders in one look at the catalogue */
#define FY_POISON_MAX          64  /* unreadable records in memory; more are not polled */
#define FY_POISON_BYTES_MAX    (4 << 20) /* and their bytes */
/* All that can run at once, and what is being read. */
#define FY_RUNNING_SLOTS   (FY_LANES_ORDERS_MAX + 2)
#define FY_RUNNING_FILES   256 /* workers of one folder: as many as there are leases */
#define FY_SUSPECTS_MAX    (FY_LANES_ORDERS_MAX << 2) /* orders remembered over deaths of workers */
#define FY_SUSPECTS_PLACES 16 /* where each of them may stand: the bound of a look-up */
#define FY_SUSPECT_DEATHS  3  /* workers crashed so often while an order ran: it runs alone */
#define FY_SUSPECT_KILLS                                                                           \
    10 /* killed from outside so often while it ran: alone, too; so often alone: it is dead */
#define FY_ALONE_DRAIN_MS                                                                          \
    30000                     /* a suspect waits so long for the others to end, then joins them    \
                               */
#define FY_ALONE_MS_MAX 60000 /* a suspect that has lived so long is alone no more */
#define FY_SITE_TABLE_MAX                                                                          \
    256 /* sites remembered; one more waits until an idle one is forgotten                         \
         */
#define FY_DUE_COUNTED          10000 /* due rows are counted so far: more workers are wanted anyway */
#define FY_CLAIM_ROWS           64    /* rows of `waiting` claimed at once */
#define FY_CLAIM_HOLD_MS        60000 /* a claimed row of a process that died comes back after so long */
#define FY_CLAIM_EVERY_MS       1000 /* due rows are looked for so often */
#define FY_WAKE_ROWS            512  /* rows of a healed site made due in one transaction */
#define FY_BREAKER_OUTCOMES_MIN 20   /* fewer outcomes in a window say nothing of a site */
#define FY_BREAKER_WINDOW_MS                                                                       \
    10000                        /* outcomes older than this or the window before are forgotten    \
                                  */
#define FY_BREAKER_PROBE_MS 1000 /* first pause before a half-open probe, doubled each time */
#define FY_BREAKER_PROBE_MS_MAX                                                                    \
    30000                        /* longest pause between two probes: what a healed site may wait */
#define FY_GATE_WINDOW_MS 300000 /* tokens for deaths by a site's fault are counted so long */
#define FY_GATE_FREE                                                                               \
    20 /* such deaths a window whatever happens, as few as say nothing of a site                   \
        */
#define FY_LOCAL_PROBE_MS 1000 /* a catalogue or store that failed is tried again so often */
#define FY_LOCAL_PROBE_MS_MAX                                                                      \
    8000                    /* longest pause when a disk keeps failing, each try being a download */
#define FY_MISMATCH_TRIES 3 /* downloads of wrong bytes in memory, each on a fresh connection */
#define FY_MISMATCH_PAUSE_MS                                                                       \
    5000 /* pause after the first of them, doubled: a source may be mid-change */
#define FY_SPOOL_BYTES           (4 << 20)   /* ring between a loop and the threads of a big body */
#define FY_SPOOL_STEP_BYTES      (128 << 10) /* a thread of it is woken for no less */
#define FY_SPOOL_PIECE_BYTES     (512 << 10) /* and takes no more at once, so that room comes back */
#define FY_SMALL_CALL_MS         30000       /* a call that moves no body ends after this */
#define FY_REPROBE_MS            5000 /* a failing source is asked again what it is, at most so often */
#define FY_PULL_RESUMES_MAX      5          /* times one attempt goes on from where it broke off */
#define FY_DESCRIPTION_BYTES_MAX (16 << 10) /* a container's description as JSON */
#define FY_ERROR_BODY_BYTES_MAX                                                                    \
    (64 << 10) /* read of a refusal to keep its connection; more cuts it */

/* Orders for what was there before a site (worker/backfill*.c). */
#define FY_BACKFILLS_MAX  16  /* at once: each asks its target about its lag again and again */
#define FY_BACKFILLS_KEPT 100 /* that ended, for who asks what became of them */
#define FY_BACKFILL_STEP  256 /* orders of one publish: what is given again after a kill */
#define FY_BACKFILL_AHEAD                                                                          \
    4096 /* orders on their way to a site, live ones included, beside which no more are given:     \
            what a live order may wait for, a second of small objects */
#define FY_BACKFILL_AHEAD_BYTES                                                                    \
    (1LL << 30) /* and the bytes they are about, by the mean of the last ones */
#define FY_BACKFILL_STEP_BYTES (256 << 20) /* what the orders of one publish are about */
#define FY_BACKFILL_AHEAD_MIN  32    /* however large they are: a site pulls several at once */
#define FY_BACKFILL_SPAN       65536 /* names compared at once, while a site has the same */
#define FY_BACKFILL_LOOKED     4096  /* names of a site that are looked at in one go */
#define FY_BACKFILL_LOOK_MS    50    /* first pause while a site has enough to do, doubled */
#define FY_BACKFILL_IDLE_MS    1000  /* longest such pause; and who has none to do looks so often */
#define FY_BACKFILL_PAUSE_MS   15000 /* longest pause between tries that fail */

/* What clients say of numbers leaves room for what is added to them. */
#define FY_OBJECT_SIZE_MAX (5LL << 40) /* CCS: a body of 5 TB; more is 413 */
#define FY_VERSION_MAX     (1LL << 62) /* number of a version: those that follow are above it */
#define FY_COUNTER_MAX     (1LL << 56) /* to which a sum of a container is set */
/* Up to which a container takes versions without a body: their sizes cost nothing to say, and a sum
 * ends at 2^62 - 1. What is left to there is for bodies, which do not come by so many. */
#define FY_PROMISED_BYTES_MAX (1LL << 61)

/* Containers by OpenIO's rules (spec openio-container). */
#define FY_OIO_NS_BYTES_MAX      63      /* of the namespace, as OpenIO has it */
#define FY_OIO_ACCOUNT_BYTES_MAX 63      /* of `acct`: a longer one is 400 */
#define FY_OIO_BODY_BYTES_MAX    1048576 /* of a request; more is 413 */
#define FY_PROPERTIES_MAX        4096    /* of a container; one more is 413 */
#define FY_PROPERTIES_BYTES_MAX  1048576 /* their keys and values */
#define FY_FLUSH_ROWS_MAX        1000 /* versions removed in one transaction, and by one request */
#define FY_RECOUNTS_MAX          3 /* beside others who correct sums; then all writers wait for it */
#define FY_SNAPSHOT_ROWS         2000  /* rows copied in one transaction: others write in between */
#define FY_OIO_LIST_MAX          10000 /* entries of a page, whatever max says */
#define FY_OIO_LIST_DEFAULT      1000
#define FY_OIO_VERSIONS_MAX      1000000   /* of a name, as a site's setting; more is -1: all */
#define FY_OIO_LIST_BYTES        (1 << 20) /* a page ends with this entry: answers have 4 MiB */
#define FY_OIO_WALK_ROWS_MAX     1000000   /* looked at for a hash or id by one request: seconds */
#define FY_OIO_TEXT_BYTES_MAX    1087      /* prefix, marker, delimiter; a longer one is 400 */
#define FY_OIO_MANY_MAX          100       /* containers of one create_many; more is 413 */
#define FY_OIO_BUDGET_MS                                                                           \
    300000 /* for a request in steps, whatever its client allows: it has a thread of the pool;     \
              asked again it goes on */
#define FY_REQUEST_ID_BYTES_MAX 63  /* x-oio-req-id; a longer one is cut */
#define FY_ORIGIN_BYTES_MAX     255 /* User-Agent in events; a longer one is cut */

/* Of a property's key, "user." or "sys." included; a longer one is 413. PostgreSQL takes some 2,700
 * bytes in a row of an index. */
#define FY_PROPERTY_KEY_BYTES_MAX 1024
/* Of a property's value in one line of an export; more of it is in the lines after that. */
#define FY_EXPORT_VALUE_BYTES 4096

/* The embedded queue (ENGINE 5). */
#define FY_QUEUE_PENDING_RECORDS_MAX 50000 /* records waiting for the writer; more is FY_EFULL */
#define FY_QUEUE_PENDING_BYTES_MAX                                                                 \
    (16 << 20)                      /* and their bytes: what a stalled disk may cost in memory */
#define FY_QUEUE_GROUP_RECORDS 1000 /* a group commit that has so many takes no further publish */
#define FY_QUEUE_LINGER_US     1000 /* longest a group commit waits for its usual company */
#define FY_QUEUE_BYTES_DEFAULT (4LL << 30) /* of the file; at it publish answers FY_EFULL */
/* On top of its bytes, a part of the queue's limit is for records that take the place of others in
 * it, so that a full queue can still empty itself; at least so many bytes. */
#define FY_QUEUE_MOVES_PART      4
#define FY_QUEUE_MOVES_BYTES_MIN (1 << 20)
#define FY_QUEUE_RESERVE_BYTES                                                                     \
    (1 << 20)                        /* on top of it: offsets and trims still go when it is full */
#define FY_QUEUE_TRIM_AT_PERCENT  85 /* so full: done records go whatever their age */
#define FY_QUEUE_TRIM_ROWS        1000 /* rows trimmed in one transaction: some ms of the writer */
#define FY_QUEUE_TRIM_STEPS       64   /* such transactions in one call of trim */
#define FY_QUEUE_WAL_PAGES        4096 /* 16 MiB of log between two checkpoints */
#define FY_QUEUE_WRITER_CACHE_KIB 2048 /* page cache of the writer */
#define FY_QUEUE_READER_CACHE_KIB 128  /* of each reader: SQLite drops it at every commit anyway */
#define FY_QUEUE_BUSY_MS          100  /* longest a checkpoint waits for a reader to finish */
#define FY_QUEUE_TOPICS_MAX                                                                        \
    256 /* one per site and a few; one more is FY_ETOOBIG until a restart                          \
         */
#define FY_QUEUE_GROUPS_MAX    1024 /* (group, topic) pairs; one more is FY_ETOOBIG */
#define FY_QUEUE_CONSUMERS_MAX 256  /* open at once, each with a read connection */
#define FY_QUEUE_HEADERS_BYTES_MAX                                                                 \
    (64 << 10) /* headers of one record, packed; more is FY_ETOOBIG */

/* Kafka (ENGINE 3). */
#define FY_KAFKA_PREFIX_BYTES_MAX                                                                  \
    64                                 /* of topics and groups: FY_TOPIC_BYTES_MAX holds the whole \
                                        */
#define FY_KAFKA_PROPERTIES_MAX   64   /* properties of the library that a person may give */
#define FY_KAFKA_TOLD_MAX         2    /* topics for others: object-events and oio */
#define FY_KAFKA_SECRET_BYTES_MAX 4096 /* of a file that holds one */
#define FY_KAFKA_MESSAGE_BYTES                                                                     \
    1179648                            /* the longest record, 128 KiB of headers and frame on top  \
                                        */
#define FY_KAFKA_PUBLISH_RECORDS 50000 /* waiting for their acknowledgement, in the library */
#define FY_KAFKA_PUBLISH_KIB     16384 /* and their bytes */
#define FY_KAFKA_FULL_PERCENT    80    /* of either: publish answers FY_EFULL */
#define FY_KAFKA_PUBLISH_MS                                                                        \
    10000 /* without acknowledgement so long: 503; the API's deadline is later */
#define FY_KAFKA_FETCH_KIB 4096 /* prefetched of each assigned partition */
#define FY_KAFKA_PACKED_BYTES                                                                      \
    65536 /* of a partition in one fetch: unpacked, alike orders take 40 times as much */
#define FY_KAFKA_CONTROL_FETCH_KIB 64    /* of a partition whose oldest record is looked at */
#define FY_KAFKA_ADMIN_MS          10000 /* for a topic to be made, or to say how it is kept */
#define FY_KAFKA_ASK_MS            2000 /* for one look at lag or trim: a page of metrics waits for it */
#define FY_KAFKA_NEVER_MS          3600000 /* the library's longest wait: it must not give up */
#define FY_KAFKA_HOLD_MS           5000 /* after one that found no broker, others fail at once so long */
#define FY_KAFKA_PULSE_MS          2000 /* a broker is asked so often whether it is there */
#define FY_KAFKA_PULSE_AWAY_MS     500  /* while none is */
#define FY_KAFKA_PULSE_ANSWER_MS   1500 /* for its answer, and longest that closing waits for it */
#define FY_KAFKA_SILENT_MS         8000 /* connections, but no answer for so long: none is there */
#define FY_KAFKA_FAILED_MS                                                                         \
    15000 /* a publish without acknowledgement counts so long: the next has failed by then, too */
#define FY_KAFKA_LOG_MS    60000 /* a line of the library's log comes again after so long */
#define FY_KAFKA_LOG_LINES 64    /* of them that are remembered */
#define FY_KAFKA_ASSIGN_MS 5000  /* for the offsets of an assignment; heartbeats go on */
#define FY_KAFKA_COMMIT_MS 1000  /* for a commit; the engine's loop waits for it */
#define FY_KAFKA_CLOSE_MS  2000  /* for a consumer to leave its group */
#define FY_KAFKA_GROUPS_MAX                                                                        \
    256 /* groups asked before a trim; more: it is left to the broker's people */
#define FY_KAFKA_AGES_MAX 1024 /* timestamps of oldest records that are remembered */

/* What a transaction changed, until it is written beside the bodies: a row of the catalogue, but
 * for its last line. */
#define FY_JOURNAL_ROW_BYTES (64 << 10)
#define FY_EXPORT_LINE_BYTES                                                                       \
    (64 << 10) /* one line of an export; what is longer is none of ours                            \
                */
/* What applications are told (topics object-events and oio). */
#define FY_EVENTS_ROW_MAX   250        /* events of one row of the catalogue: more begin another */
#define FY_EVENTS_ROW_BYTES (64 << 10) /* and their bytes, but for the last one's */
#define FY_EVENTS_PAGE_ROWS 32         /* rows read at once: 4 MiB if all are as long as can be */
#define FY_EVENTS_WAITING_MAX                                                                      \
    1000000 /* waiting for the topic, half a GB of catalogue; beyond it the oldest are dropped:    \
               a disk full of them would stop the orders themselves */
#define FY_OIO_KEY_BYTES 64 /* of an event of a container: its id in hexadecimal */
#define FY_OIO_EVENT_BYTES_MAX                                                                     \
    (768 << 10) /* its JSON: a broker takes 1 MiB unless it is told otherwise; properties that are \
                   more go on in a further event */
#define FY_OIO_BUCKET_BYTES 252  /* of a bucket in events: 63 characters */
#define FY_OIO_STATES_MAX   200  /* containers whose sums one transaction tells */
#define FY_OIO_STATE_MS     1000 /* the sums of a container are told at most so often */
#define FY_OIO_LOOK_MS      1000 /* how many wait is looked at so often */
#define FY_OIO_WAITING_MAX                                                                         \
    100000 /* events of containers that wait: beyond it OpenIO's routes take no                    \
              changes, as the real server's do from 10,000 on, which are in                        \
              memory there and rows here */

/* The store in a folder. */
#define FY_STORE_SHARDS       64         /* folders, two hex digits; each keeps a descriptor open */
#define FY_STORE_BUFFER_BYTES (16 << 10) /* smaller bodies touch the disk only in finish */
#define FY_STORE_WRITE_BEHIND_BYTES                                                                \
    (8 << 20)                      /* so much is written before the kernel is told to              \
                                    */
#define FY_VERIFY_UNREADABLE_MAX 8 /* bodies in a row that cannot be read: it is the disk */
#define FY_VERIFY_BODY_BYTES     (16 << 10) /* what a body costs beside its bytes, at verify.rate */
#define FY_MEND_BYTES            (256 << 10) /* of a body on its way from another site */
#define FY_MEND_NAMES            8    /* objects of a body whose names other sites are asked for */
#define FY_STORE_SPACE_MS        1000 /* free space is measured at most so often */

/* The peer port (adapters/peer_http*.c). */
#define FY_PEER_CHUNK_BYTES                                                                        \
    (16 << 10)                          /* most that one on_data gets: what libcurl gives at once  \
                                         */
#define FY_PEER_BUFFER_BYTES (16 << 10) /* receive buffer of a call: 512 of them are 8 MiB */
#define FY_PEER_BIG_BYTES    (1 << 20)  /* pulls hinted at so much or more get the big buffer; */
#define FY_PEER_BIG_BUFFER_BYTES                                                                   \
    (256 << 10) /* FY_INFLIGHT_BYTES_MAX leaves room for few of them                               \
                 */
#define FY_RETRY_AFTER_S_MAX                                                                       \
    3600 /* longest a site may ask us to stay away: what fails is tried every hour anyway */
#define FY_PEER_HEADER_BYTES_MAX (64 << 10) /* header block of an answer; more ends the call */
#define FY_PEER_URL_BYTES_MAX    (16 << 10) /* three names percent-encoded are under 7 KiB */
#define FY_PEER_IDLE_SEATS_MAX   64         /* idle curl handles a loop keeps, some 6 KiB each */
#define FY_PEER_LOOPS_MAX        8  /* loop threads: one does over 14,000 small calls a second */
#define FY_PEER_IDLE_CONN_S      50 /* below FY_IDLE_TIMEOUT_S: never race with its close */

/* The cache in Redis (adapters/cache_redis*.c). */
#define FY_REDIS_TIMEOUT_MS 50 /* cache.timeout: the catalogue takes no longer */
#define FY_REDIS_CONNECTIONS                                                                       \
    8 /* of a process: at 50 us a look-up they do over 100,000 a second                            \
       */
#define FY_REDIS_REPLY_BYTES_MAX                                                                   \
    (128 << 10) /* received for one command; more is no answer to anything that was asked */
#define FY_REDIS_PROBE_MS     100  /* first pause before an away Redis is tried again, doubled */
#define FY_REDIS_PROBE_MS_MAX 1000 /* longest such pause: what a healed Redis may wait */
#define FY_REDIS_PULSE_MS     100  /* every process asks it so often whether it is there */
#define FY_REDIS_STEADY_MS                                                                         \
    10000                       /* up for so long, it has healed: the next pause is short again    \
                                 */
#define FY_REDIS_STATE_MS 2000  /* for each answer to `ferry doctor`, which tells how slow it is */
#define FY_REDIS_LEASE_MS 30000 /* a fill that takes longer is not kept */
#define FY_REDIS_EPOCH_MS 3600000 /* a site's keys are forgotten together so often */

/* The client commands (cli/). */
#define FY_CLIENT_ANSWER_BYTES_MAX                                                                 \
    (32 << 20)                      /* gathered of one answer: a page of the longest rows fits */
#define FY_CLIENT_PAGE_ROWS   500   /* of a listing */
#define FY_CLIENT_CONNECT_MS  5000  /* for a site to take the connection */
#define FY_CLIENT_STALL_S     60    /* without a byte: the site is asked no longer */
#define FY_CLIENT_SMALL_MS    30000 /* a call that moves no body */
#define FY_CLIENT_HEADERS_MAX 4     /* of a call, beside those of every call */
#define FY_CLIENT_BUSY_MS     60000 /* a site that says 503 is asked again: it works for others */
#define FY_CLIENT_TRIES_MAX   7     /* with their pauses about 6 s: a restart of a site fits */
#define FY_PATH_BYTES_MAX                                                                          \
    (16 << 10)                     /* path and query: three names percent-encoded are under 7 KiB */
#define FY_JOBS_THREADS_MAX     64 /* --jobs: more connections only wait for each other */
#define FY_JOBS_THREADS_DEFAULT 8  /* small objects share their syncs at the site */
#define FY_JOBS_QUEUE_MAX       256 /* jobs that wait: a walk over a million files stays flat */
#define FY_UPLOAD_SMALL_BYTES                                                                      \
    (256 << 10)                          /* a file below this is read once, and sent from memory   \
                                          */
#define FY_DIFF_LISTED_MAX       2000000 /* of a CCS site, which lists in no order: sorted in memory */
#define FY_DIFF_LISTED_BYTES_MAX (256 << 20) /* their names and hashes */
#define FY_SITES_ASKED_AT_ONCE   16   /* one that does not answer holds up a few others only */
#define FY_ORDER_WATCHES_MAX     1000 /* opIds of their own in one file that are waited for */
#define FY_TABLE_COLUMNS_MAX     12
#define FY_REPORTS_MAX           1000 /* sentences about single objects on stderr; more are counted */
#define FY_LINE_BYTES_MAX        (64 << 10) /* of a line that is built before it is printed */

/* Life spans. */
#define FY_TOMBSTONE_KEEP_MS                                                                       \
    (90LL * 24 * 3600 * 1000)                          /* older orders are EXPIRED, never applied  \
                                                        */
#define FY_OUTCOME_KEEP_MS    (24LL * 3600 * 1000)     /* orders.keep */
#define FY_CONFLICT_KEEP_MS   (7LL * 24 * 3600 * 1000) /* losing bodies of conflicts */
#define FY_TRASH_KEEP_MS      (7LL * 24 * 3600 * 1000) /* bodies of deleted objects */
#define FY_EVENTS_KEEP_MS     (7LL * 24 * 3600 * 1000) /* retention of their topic */
#define FY_RETRY_MAX_AGE_MS   (24LL * 3600 * 1000)     /* retry.max_age */
#define FY_QUEUE_KEEP_DONE_MS (24LL * 3600 * 1000)     /* queue.keep_done */
#define FY_LEASE_RENEW_MS     1000                     /* lease row saved so often */
#define FY_LEASE_DEAD_MS      10000 /* not renewed for so long: the boot id is dead */
#define FY_UNDONE_MAX         2000  /* uploads of all connections; under 4 MB */
#define FY_UNDONE_TURN_MAX    100   /* of them at once: the lease renewed beside must not be late */

static_assert(FY_BODIES_BYTES_MAX >= 8 * FY_TURN_THREADS * FY_CHUNK_BYTES,
              "bodies enough for all turns while others come in");
static_assert(1000 * FY_IDLE_TIMEOUT_S / FY_ROOM_WAIT_PARTS < FY_SMALL_CALL_MS,
              "a sender hears that it waited in vain");
static_assert(FY_ORDERS_PER_REQUEST_MAX <= FY_KAFKA_PUBLISH_RECORDS / 100 * FY_KAFKA_FULL_PERCENT,
              "one publish fits the library's queue");
static_assert(FY_ORDERS_BODY_BYTES_MAX < FY_KAFKA_PUBLISH_KIB / 100 * FY_KAFKA_FULL_PERCENT * 1024,
              "one request fits the library's queue");
static_assert(FY_KAFKA_FAILED_MS > FY_KAFKA_PUBLISH_MS,
              "one failure after the other is one outage");
static_assert(FY_ANSWER_HEAD_BYTES_MAX < FY_CONNECTION_BYTES,
              "libmicrohttpd builds the head in it");
static_assert(FY_BATCH_BYTES < FY_ORDERS_BODY_BYTES_MAX, "a sender's batch is always accepted");
static_assert(FY_BATCH_ORDERS <= FY_ORDERS_PER_REQUEST_MAX, "a sender's batch is always accepted");
static_assert(FY_ORDERS_PER_REQUEST_MAX <= FY_QUEUE_PENDING_RECORDS_MAX,
              "one request fits the queue");
static_assert(2 * FY_TURN_BYTES_MAX < FY_QUEUE_PENDING_BYTES_MAX,
              "large requests leave half of the queue's memory to small ones");
static_assert(2 * FY_ORDERS_GROUP_BYTES <= FY_TURN_BYTES_MAX, "a group fits, and not alone");
static_assert(FY_LANES_CLAIM_RESERVE < FY_LANES_ORDERS_MAX / 2,
              "new orders have most of the memory");
static_assert(FY_TARGETS_BYTES_MAX == FY_SITES_MAX * (FY_SITE_BYTES_MAX + 1),
              "every site of a topology may be a target");
static_assert(FY_SITES_MAX <= FY_SITE_TABLE_MAX, "every site of a topology is remembered");
static_assert(FY_RUNNING_SLOTS > FY_LANES_ORDERS_MAX + 1, "all that runs has a slot");
static_assert(FY_INCOMPLETES_MAX > FY_INFLIGHT_ORDERS_MAX, "one partition keeps all permits busy");
static_assert(FY_LEDGER_WINDOW % 64 == 0, "the ledger's ring is made of words");
static_assert(FY_LEDGER_WINDOW >= FY_LANES_ORDERS_MAX, "the window holds all that memory holds");

static_assert(FY_PEER_IDLE_CONN_S < FY_IDLE_TIMEOUT_S,
              "a reused connection is not about to be closed");
static_assert(2 * FY_DIGEST_MS_MAX < 1000 * FY_CLIENT_STALL_S,
              "whoever asks for sums hears them before it gives up");
static_assert(2 * FY_DIGEST_MS_MAX < FY_CLIENT_BUSY_MS, "and outlasts two others that ask");

#endif
