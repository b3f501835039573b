
/*
 * Statements of the database "facility": X(ID, parameters, "SQL").
 * Included by ngx_dicom_stmt.[ch] only, more than once, hence unguarded.
 */


#include "ngx_dicom_stmt_audit.h"


/* what lists and single studies show; ngx_http_dicom_facility.c counts them */

#define STUDY_COLUMNS                                                         \
    "s.uid, s.sort_key, s.study_date, s.study_time, s.study_id, "             \
    "s.description, s.accession, s.referring_physician, s.patient_id, "       \
    "s.patient_issuer, s.patient_name, s.patient_birth_date, "                \
    "s.patient_sex, s.version, "                                              \
    "(SELECT string_agg(DISTINCT e.modality, ',') FROM series e "             \
     "WHERE e.study_uid = s.uid AND e.modality <> '') AS modalities, "        \
    "(SELECT count(*) FROM series e WHERE e.study_uid = s.uid) "              \
    "AS series_count, "                                                       \
    "(SELECT count(*) FROM instances i WHERE i.study_uid = s.uid) "           \
    "AS instance_count, "                                                     \
    "(SELECT count(*) FROM reports p WHERE p.study_uid = s.uid "              \
     "AND NOT EXISTS (SELECT 1 FROM report_finals f "                         \
                     "WHERE f.report = p.id)) AS drafts, "                    \
    "(SELECT count(*) FROM reports p JOIN report_finals f "                   \
     "ON f.report = p.id WHERE p.study_uid = s.uid) AS finals "

/*
 * $1, $2: range of sort_key; $3: modality; $4, $5: last row; $6: limit.  One
 * upper bound, so that the scan begins at the lower of the two.
 */

#define STUDY_PAGE                                                            \
    "s.sort_key >= $1::TEXT "                                                 \
    "AND ($3::TEXT IS NULL OR EXISTS (SELECT 1 FROM series e "                \
         "WHERE e.study_uid = s.uid AND e.modality = $3::TEXT)) "             \
    "AND (s.sort_key, s.uid) < (LEAST($2::TEXT, $4::TEXT), "                  \
         "CASE WHEN $4::TEXT <= $2::TEXT THEN $5::TEXT ELSE '~' END) "        \
    "ORDER BY s.sort_key DESC, s.uid DESC LIMIT $6::INT8"

/*
 * A report is its newest version, or the final one.  An addendum changes what
 * its ETag stands for, not its text.
 */

#define REPORT_COLUMNS                                                        \
    "p.id, p.study_uid, "                                                     \
    "CASE WHEN f.report IS NULL THEN 'draft' ELSE 'final' END AS status, "    \
    "v.text, p.author, p.author_name, v.version + a.addenda AS version, "     \
    "p.created_at, GREATEST(v.created_at, COALESCE(a.last_at, "               \
    "v.created_at)) AS updated_at, f.finalized_at, p.created_as "

#define REPORT_FROM                                                           \
    "FROM reports p LEFT JOIN report_finals f ON f.report = p.id "            \
    "JOIN LATERAL (SELECT n.version, n.text, n.created_at "                   \
         "FROM report_versions n WHERE n.report = p.id "                      \
         "AND n.version = COALESCE(f.version, n.version) "                    \
         "ORDER BY n.version DESC LIMIT 1) AS v ON true "                     \
    "JOIN LATERAL (SELECT count(*) AS addenda, max(d.created_at) AS last_at " \
         "FROM report_addenda d WHERE d.report = p.id) AS a ON true "


/* a file that a picture or its frames are taken of */

#define WADO_COLUMNS                                                          \
    "i.uid, i.series_uid, i.location, i.size, i.transfer_syntax, "            \
    "i.frames, i.height, i.width, i.header "


/* what QIDO-RS says of a series, an instance, and their study */

#define QIDO_SERIES_COLUMNS                                                   \
    "e.uid, e.number, e.modality, e.description, e.body_part, e.study_uid, "  \
    "(SELECT count(*) FROM instances i WHERE i.series_uid = e.uid) "          \
    "AS instance_count "

#define QIDO_INSTANCE_COLUMNS                                                 \
    "i.uid, i.number AS instance_number, i.sop_class, i.transfer_syntax, "    \
    "i.frames, i.height, i.width, i.series_uid, i.study_uid "

#define QIDO_OF_STUDY                                                         \
    "s.study_date, s.study_time, s.accession, s.referring_physician, "        \
    "s.description AS study_description, s.patient_name, s.patient_id, "      \
    "s.patient_issuer, s.patient_birth_date, s.patient_sex, s.study_id "

/* $7, $8: range of sort_key; patterns of $9: the patient's number, $10: the
   accession number, $11: the name */

#define QIDO_STUDY_LIKE                                                       \
    "s.sort_key >= $7::TEXT AND s.sort_key <= $8::TEXT "                      \
    "AND ($9::TEXT IS NULL OR s.patient_id LIKE $9::TEXT) "                   \
    "AND ($10::TEXT IS NULL OR s.accession LIKE $10::TEXT) "                  \
    "AND ($11::TEXT IS NULL OR s.patient_name ILIKE $11::TEXT) "              \
    "AND ($12::TIME IS NULL OR s.study_time >= $12::TIME) "                   \
    "AND ($13::TIME IS NULL OR s.study_time <= $13::TIME) "


/* studies */

X(STUDY_LIST, 6,
  "SELECT " STUDY_COLUMNS "FROM studies s WHERE " STUDY_PAGE)

X(STUDY_LIST_PATIENT, 9,
  "SELECT " STUDY_COLUMNS "FROM studies s "
  "WHERE s.patient_id = $7::TEXT "
  "AND ($8::TEXT IS NULL OR s.patient_issuer = $8::TEXT) "
  "AND ($9::TEXT IS NULL OR s.accession = $9::TEXT) "
  "AND " STUDY_PAGE)

X(STUDY_LIST_ACCESSION, 7,
  "SELECT " STUDY_COLUMNS "FROM studies s "
  "WHERE s.accession = $7::TEXT AND " STUDY_PAGE)

/* $7, $8: range of the first word; $9, $10: ranges of the others */
X(STUDY_SEARCH, 13,
  "SELECT " STUDY_COLUMNS "FROM studies s "
  "WHERE s.uid IN (SELECT t.study_uid FROM study_tokens t "
                  "WHERE t.token >= $7::TEXT AND t.token < $8::TEXT) "
  "AND NOT EXISTS (SELECT 1 "
       "FROM unnest($9::TEXT[], $10::TEXT[]) AS w (first, last) "
       "WHERE NOT EXISTS (SELECT 1 FROM study_tokens t "
             "WHERE t.study_uid = s.uid "
             "AND t.token >= w.first AND t.token < w.last)) "
  "AND ($11::TEXT IS NULL OR s.patient_id = $11::TEXT) "
  "AND ($12::TEXT IS NULL OR s.patient_issuer = $12::TEXT) "
  "AND ($13::TEXT IS NULL OR s.accession = $13::TEXT) "
  "AND " STUDY_PAGE)

X(STUDY_GET, 1,
  "SELECT " STUDY_COLUMNS "FROM studies s WHERE s.uid = $1::TEXT")

X(STUDY_SERIES, 1,
  "SELECT e.uid, e.number, e.modality, e.description, e.body_part "
  "FROM series e WHERE e.study_uid = $1::TEXT ORDER BY e.number, e.uid")

X(STUDY_INSTANCES, 1,
  "SELECT i.uid, i.series_uid, i.number, i.sop_class, i.transfer_syntax, "
         "i.frames, i.height, i.width, i.size, i.md5, i.location, "
         "i.assigned "
  "FROM instances i WHERE i.study_uid = $1::TEXT "
  "ORDER BY i.series_uid, i.number, i.uid")

X(STUDY_DELETE, 1,
  "DELETE FROM studies WHERE uid = $1::TEXT")


/* series */

/* audit event of a removal: a row tells that it was committed before */
X(REMOVAL_DONE, 1,
  "SELECT 1 FROM audit WHERE id = $1::UUID")

X(SERIES_GET, 1,
  "SELECT e.uid, e.number, e.modality, e.description, e.body_part, "
         "e.study_uid, s.version "
  "FROM series e JOIN studies s ON s.uid = e.study_uid "
  "WHERE e.uid = $1::TEXT")

X(SERIES_INSTANCES, 1,
  "SELECT i.uid, i.series_uid, i.number, i.sop_class, i.transfer_syntax, "
         "i.frames, i.height, i.width, i.size, i.md5, i.location, "
         "i.assigned "
  "FROM instances i WHERE i.series_uid = $1::TEXT "
  "ORDER BY i.number, i.uid")

X(SERIES_VERSION, 1,
  "UPDATE studies SET version = version + 1 "
  "WHERE uid = (SELECT e.study_uid FROM series e WHERE e.uid = $1::TEXT)")

X(SERIES_DELETE, 1,
  "DELETE FROM series WHERE uid = $1::TEXT")


/* an instance enters: is the database there? */

X(READY, 0,
  "SELECT 1")

/* a row that is returned was made now */

X(STUDY_INSERT, 13,
  "INSERT INTO studies (uid, sort_key, study_date, study_time, study_id, "
                       "description, accession, referring_physician, "
                       "patient_id, patient_issuer, patient_name, "
                       "patient_birth_date, patient_sex) "
  "VALUES ($1::TEXT, $2::TEXT, $3::DATE, $4::TIME, $5::TEXT, $6::TEXT, "
          "$7::TEXT, $8::TEXT, $9::TEXT, $10::TEXT, $11::TEXT, $12::DATE, "
          "$13::TEXT) "
  "ON CONFLICT (uid) DO NOTHING RETURNING uid")

X(STUDY_CHECK, 1,
  "SELECT patient_id, patient_issuer FROM studies WHERE uid = $1::TEXT")

X(STUDY_TOKENS, 2,
  "INSERT INTO study_tokens (token, study_uid) "
  "SELECT t.token, $1::TEXT FROM unnest($2::TEXT[]) AS t (token) "
  "ON CONFLICT (token, study_uid) DO NOTHING")

X(SERIES_INSERT, 6,
  "INSERT INTO series (uid, study_uid, number, modality, description, "
                      "body_part) "
  "VALUES ($1::TEXT, $2::TEXT, $3::INT8, $4::TEXT, $5::TEXT, $6::TEXT) "
  "ON CONFLICT (uid) DO NOTHING RETURNING uid")

X(SERIES_CHECK, 1,
  "SELECT study_uid, modality FROM series WHERE uid = $1::TEXT")

X(INSTANCE_INSERT, 15,
  "INSERT INTO instances (uid, series_uid, study_uid, sop_class, "
                         "transfer_syntax, number, height, width, frames, "
                         "size, md5, location, header, stored_by, "
                         "assigned) "
  "VALUES ($1::TEXT, $2::TEXT, $3::TEXT, $4::TEXT, $5::TEXT, $6::INT8, "
          "$7::INT8, $8::INT8, $9::INT8, $10::INT8, $11::TEXT, $12::TEXT, "
          "$13::BYTEA, $14::UUID, $15::TEXT) "
  "ON CONFLICT (uid) DO NOTHING RETURNING uid")

/* $2: the index as it is made today */
X(INSTANCE_CHECK, 2,
  "SELECT md5, header = $2::BYTEA AS current FROM instances "
  "WHERE uid = $1::TEXT")

X(INSTANCE_RENEW, 3,
  "UPDATE instances SET header = $2::BYTEA "
  "WHERE uid = $1::TEXT AND md5 = $3::TEXT")


/* heartbeats: name, type, host; status; since when the process runs */

X(PULSE_WRITE, 5,
  "INSERT INTO heartbeats (name, type, host, status, started_at, seen_at) "
  "VALUES ($1::TEXT, $2::TEXT, $3::TEXT, $4::TEXT, $5::TIMESTAMPTZ, now()) "
  "ON CONFLICT (name, type, host) DO UPDATE SET status = excluded.status, "
      "started_at = excluded.started_at, seen_at = excluded.seen_at")

X(PULSE_FORGET, 0,
  "DELETE FROM heartbeats WHERE seen_at < now() - interval '7 days'")

/* three missed, and what a list may be old */
X(PULSE_LIST, 4,
  "SELECT name, type, host, "
         "CASE WHEN seen_at < now() - interval '35 seconds' THEN 'silent' "
              "ELSE status END AS status, started_at, seen_at, "
         "name AS key1, type AS key2, host AS key3 "
  "FROM heartbeats "
  "WHERE (name, type, host) > ($1::TEXT, $2::TEXT, $3::TEXT) "
  "ORDER BY name, type, host LIMIT $4::INT8")


/* objects that no row may name any more */

X(DISCARDED_STUDY, 1,
  "INSERT INTO discarded (location) "
  "SELECT DISTINCT i.location FROM instances i WHERE i.study_uid = $1::TEXT "
  "ON CONFLICT (location) DO UPDATE SET at = now()")

X(DISCARDED_SERIES, 1,
  "INSERT INTO discarded (location) "
  "SELECT DISTINCT i.location FROM instances i WHERE i.series_uid = $1::TEXT "
  "ON CONFLICT (location) DO UPDATE SET at = now()")

X(DISCARDED_ADD, 1,
  "INSERT INTO discarded (location) VALUES ($1::TEXT) "
  "ON CONFLICT (location) DO UPDATE SET at = now()")

X(DISCARDED_LIST, 2,
  "SELECT d.location, d.at, EXISTS (SELECT 1 FROM instances i "
         "WHERE i.location = d.location) AS used "
  "FROM discarded d WHERE d.at < now() - $1::INTERVAL "
  "ORDER BY d.at LIMIT $2::INT8")

X(DISCARDED_DONE, 2,
  "DELETE FROM discarded WHERE location = $1::TEXT AND at = $2::TIMESTAMPTZ")

X(DISCARDED_LATER, 2,
  "UPDATE discarded SET at = now() "
  "WHERE location = $1::TEXT AND at = $2::TIMESTAMPTZ")


/* a stack is opened */

/* what a reader of the study sees first: no series that is only there to plan
   the others, unless there are no others */
X(STACK_SERIES, 1,
  "SELECT e.uid FROM series e JOIN instances i ON i.series_uid = e.uid "
  "WHERE e.study_uid = $1::TEXT "
  "GROUP BY e.uid, e.number HAVING sum(i.frames) > 0 "
  "ORDER BY CASE WHEN sum(i.frames) > 3 THEN 0 ELSE 1 END, e.number, e.uid "
  "LIMIT 1")

/* both come in binary: a series has thousands of headers */
X(STACK_INSTANCES, 4,
  "SELECT i.uid, i.header, i.location, i.frames > 0 "
  "FROM instances i "
  "WHERE i.series_uid = $1::TEXT AND i.study_uid = $2::TEXT "
  "AND ($3::TEXT IS NULL OR i.uid = $3::TEXT) "
  "ORDER BY i.number, i.uid LIMIT $4::INT8")

/* softcopy presentation states, none of which has frames; newest first */
X(STACK_STATES, 2,
  "SELECT i.uid, i.header "
  "FROM instances i "
  "WHERE i.study_uid = $1::TEXT AND i.frames = 0 "
  "AND i.sop_class LIKE '1.2.840.10008.5.1.4.1.1.11.%' "
  "ORDER BY i.stored_at DESC, i.uid LIMIT $2::INT8")


/* QIDO-RS: $7 to $13 narrow the page; all but the UIDs are patterns of LIKE,
   those of names and descriptions without regard to case */

X(QIDO_STUDIES, 15,
  "SELECT " STUDY_COLUMNS "FROM studies s "
  "WHERE ($7::TEXT[] IS NULL OR s.uid = ANY ($7::TEXT[])) "
  "AND ($8::TEXT IS NULL OR s.patient_id LIKE $8::TEXT) "
  "AND ($9::TEXT IS NULL OR s.accession LIKE $9::TEXT) "
  "AND ($10::TEXT IS NULL OR s.patient_name ILIKE $10::TEXT) "
  "AND ($11::TEXT IS NULL OR s.description ILIKE $11::TEXT) "
  "AND ($12::TEXT IS NULL OR s.referring_physician ILIKE $12::TEXT) "
  "AND ($13::TEXT IS NULL OR s.study_id LIKE $13::TEXT) "
  "AND ($14::TIME IS NULL OR s.study_time >= $14::TIME) "
  "AND ($15::TIME IS NULL OR s.study_time <= $15::TIME) "
  "AND " STUDY_PAGE)

X(QIDO_SERIES, 6,
  "SELECT " QIDO_SERIES_COLUMNS
  "FROM series e WHERE e.study_uid = $1::TEXT "
  "AND ($2::TEXT[] IS NULL OR e.uid = ANY ($2::TEXT[])) "
  "AND ($3::TEXT IS NULL OR e.modality = $3::TEXT) "
  "AND ($5::INT8 IS NULL OR e.number = $5::INT8) "
  "AND ($6::TEXT IS NULL OR e.description ILIKE $6::TEXT) "
  "ORDER BY e.number, e.uid LIMIT $4::INT8")

/* of any study, newest first; $7 to $13: what the study must be like */
X(QIDO_ALL_SERIES, 13,
  "SELECT " QIDO_SERIES_COLUMNS ", " QIDO_OF_STUDY
  "FROM series e JOIN studies s ON s.uid = e.study_uid "
  "WHERE ($1::TEXT[] IS NULL OR e.study_uid = ANY ($1::TEXT[])) "
  "AND ($2::TEXT[] IS NULL OR e.uid = ANY ($2::TEXT[])) "
  "AND ($3::TEXT IS NULL OR e.modality = $3::TEXT) "
  "AND ($5::INT8 IS NULL OR e.number = $5::INT8) "
  "AND ($6::TEXT IS NULL OR e.description ILIKE $6::TEXT) "
  "AND " QIDO_STUDY_LIKE
  "ORDER BY s.sort_key DESC, s.uid DESC, e.number, e.uid LIMIT $4::INT8")

X(QIDO_INSTANCES, 6,
  "SELECT " QIDO_INSTANCE_COLUMNS
  "FROM instances i "
  "WHERE i.study_uid = $1::TEXT "
  "AND ($2::TEXT IS NULL OR i.series_uid = $2::TEXT) "
  "AND ($3::TEXT[] IS NULL OR i.uid = ANY ($3::TEXT[])) "
  "AND ($5::INT8 IS NULL OR i.number = $5::INT8) "
  "AND ($6::TEXT IS NULL OR i.sop_class = $6::TEXT) "
  "ORDER BY i.series_uid, i.number, i.uid LIMIT $4::INT8")

/* of any study; $14: series; $15: modality */
X(QIDO_ALL_INSTANCES, 15,
  "SELECT " QIDO_INSTANCE_COLUMNS ", " QIDO_OF_STUDY ", "
         "e.modality, e.number, e.description "
  "FROM instances i JOIN series e ON e.uid = i.series_uid "
                   "JOIN studies s ON s.uid = i.study_uid "
  "WHERE ($1::TEXT[] IS NULL OR i.study_uid = ANY ($1::TEXT[])) "
  "AND ($14::TEXT[] IS NULL OR i.series_uid = ANY ($14::TEXT[])) "
  "AND ($2::TEXT[] IS NULL OR i.uid = ANY ($2::TEXT[])) "
  "AND ($3::TEXT IS NULL OR i.sop_class = $3::TEXT) "
  "AND ($15::TEXT IS NULL OR e.modality = $15::TEXT) "
  "AND ($5::INT8 IS NULL OR i.number = $5::INT8) "
  "AND ($6::TEXT IS NULL OR e.description ILIKE $6::TEXT) "
  "AND " QIDO_STUDY_LIKE
  "ORDER BY s.sort_key DESC, s.uid DESC, i.series_uid, i.number, i.uid "
  "LIMIT $4::INT8")


/* WADO-RS */

/* $2, $3: series and instance, NULL: all of them; $4: limit */
X(WADO_INSTANCES, 4,
  "SELECT i.uid, i.series_uid, i.location, i.size, i.transfer_syntax "
  "FROM instances i "
  "WHERE i.study_uid = $1::TEXT "
  "AND ($2::TEXT IS NULL OR i.series_uid = $2::TEXT) "
  "AND ($3::TEXT IS NULL OR i.uid = $3::TEXT) "
  "ORDER BY i.series_uid, i.number, i.uid LIMIT $4::INT8")

X(WADO_INSTANCE, 3,
  "SELECT " WADO_COLUMNS
  "FROM instances i "
  "WHERE i.study_uid = $1::TEXT AND i.series_uid = $2::TEXT "
  "AND i.uid = $3::TEXT")

/* the middle one of a series, $2, or of the first series; of those with a
   picture, if there are any */
X(WADO_MIDDLE, 2,
  "SELECT " WADO_COLUMNS
  "FROM instances i "
  "WHERE i.study_uid = $1::TEXT AND i.uid = ("
    "SELECT r.uid FROM ("
      "SELECT m.uid, m.series_uid, m.frames, "
             "row_number() OVER (PARTITION BY m.series_uid, m.frames = 0 "
                                "ORDER BY m.number, m.uid) AS place, "
             "count(*) OVER (PARTITION BY m.series_uid, m.frames = 0) "
             "AS pictures "
      "FROM instances m "
      "WHERE m.study_uid = $1::TEXT "
      "AND ($2::TEXT IS NULL OR m.series_uid = $2::TEXT)"
    ") r WHERE 2 * r.place IN (r.pictures, r.pictures + 1) "
    "ORDER BY r.frames = 0, r.series_uid LIMIT 1)")


/* reports; $2 of the reads: drafts are shown */

/* $3: last report of the page before; $4: limit */
X(REPORT_LIST, 4,
  "SELECT " REPORT_COLUMNS REPORT_FROM
  "WHERE p.study_uid = $1::TEXT AND ($2::BOOL OR f.report IS NOT NULL) "
  "AND ($3::UUID IS NULL OR (p.created_at, p.id) < "
       "((SELECT c.created_at FROM reports c WHERE c.id = $3::UUID), "
        "$3::UUID)) "
  "ORDER BY p.created_at DESC, p.id DESC LIMIT $4::INT8")

X(REPORT_LIST_ADDENDA, 1,
  "SELECT a.id, a.text, a.author, a.author_name, a.created_at, a.report "
  "FROM report_addenda a JOIN reports p ON p.id = a.report "
  "WHERE p.study_uid = $1::TEXT ORDER BY a.report, a.created_at, a.id")

X(REPORT_GET, 2,
  "SELECT " REPORT_COLUMNS REPORT_FROM
  "WHERE p.id = $1::UUID AND ($2::BOOL OR f.report IS NOT NULL)")

/* to change it; $2: audit event, done: this very change was committed before */
X(REPORT_CHANGE, 2,
  "SELECT " REPORT_COLUMNS ", "
         "EXISTS (SELECT 1 FROM audit WHERE id = $2::UUID) AS done "
  REPORT_FROM "WHERE p.id = $1::UUID")

X(REPORT_ADDENDA, 1,
  "SELECT a.id, a.text, a.author, a.author_name, a.created_at, a.report "
  "FROM report_addenda a WHERE a.report = $1::UUID "
  "ORDER BY a.created_at, a.id")

X(REPORT_VERSIONS, 1,
  "SELECT v.version, v.author, v.author_name, v.created_at "
  "FROM report_versions v WHERE v.report = $1::UUID ORDER BY v.version")

/*
 * The search, newest first.  $1: drafts are shown; $2: draft or final; $3, $4:
 * from and to which day; $5: author; $6, $7: the patient's number and its
 * issuer.  One upper bound, as of STUDY_PAGE.
 */

#define REPORT_FOUND                                                          \
    "SELECT p.id, p.study_uid, "                                              \
    "CASE WHEN f.report IS NULL THEN 'draft' ELSE 'final' END AS status, "    \
    "v.version + a.addenda AS version, p.author, p.author_name, "             \
    "p.created_at, GREATEST(v.created_at, COALESCE(a.last_at, "               \
    "v.created_at)) AS updated_at, f.finalized_at, "                          \
    "substr(v.text, 1, 200) AS excerpt, s.patient_id, s.patient_issuer, "     \
    "s.patient_name, s.patient_birth_date, s.study_date, s.description, "     \
    "p.created_at AS key1, p.id AS key2 "                                     \
    REPORT_FROM "JOIN studies s ON s.uid = p.study_uid "

#define REPORT_PAGE(key1, key2, limit)                                        \
    "AND ($1::BOOL OR f.report IS NOT NULL) "                                 \
    "AND ($2::TEXT IS NULL "                                                  \
         "OR ($2::TEXT = 'final') = (f.report IS NOT NULL)) "                 \
    "AND ($5::UUID IS NULL OR p.author = $5::UUID) "                          \
    "AND ($6::TEXT IS NULL OR s.patient_id = $6::TEXT) "                      \
    "AND ($7::TEXT IS NULL OR s.patient_issuer = $7::TEXT) "                  \
    "AND p.created_at >= $3::TIMESTAMPTZ "                                    \
    "AND (p.created_at, p.id) < "                                             \
        "(LEAST($4::TIMESTAMPTZ + interval '1 day', " key1 "::TIMESTAMPTZ), " \
         "CASE WHEN " key1 "::TIMESTAMPTZ "                                   \
                   "< $4::TIMESTAMPTZ + interval '1 day' "                    \
              "THEN " key2 "::UUID "                                          \
              "ELSE '00000000-0000-0000-0000-000000000000'::UUID END) "       \
    "ORDER BY p.created_at DESC, p.id DESC LIMIT " limit "::INT8"

X(REPORT_NEWEST, 10,
  REPORT_FOUND "WHERE true " REPORT_PAGE("$8", "$9", "$10"))

X(REPORT_OF_AUTHOR, 10,
  REPORT_FOUND "WHERE p.author = $5::UUID " REPORT_PAGE("$8", "$9", "$10"))

X(REPORT_OF_PATIENT, 10,
  REPORT_FOUND
  "WHERE p.study_uid IN (SELECT o.uid FROM studies o "
                        "WHERE o.patient_id = $6::TEXT) "
  REPORT_PAGE("$8", "$9", "$10"))

/* $8, $9: range of the first word; $10, $11: ranges of the others */
X(REPORT_BY_WORDS, 14,
  REPORT_FOUND
  "WHERE p.id IN (SELECT t.report FROM report_words t "
                 "WHERE t.word >= $8::TEXT AND t.word < $9::TEXT) "
  "AND NOT EXISTS (SELECT 1 "
       "FROM unnest($10::TEXT[], $11::TEXT[]) AS w (lowest, below) "
       "WHERE NOT EXISTS (SELECT 1 FROM report_words t "
             "WHERE t.report = p.id "
             "AND t.word >= w.lowest AND t.word < w.below)) "
  REPORT_PAGE("$12", "$13", "$14"))

X(REPORT_INSERT, 5,
  "INSERT INTO reports (id, study_uid, author, author_name, created_as) "
  "VALUES ($1::UUID, $2::TEXT, $3::UUID, $4::TEXT, $5::TEXT) "
  "ON CONFLICT (id) DO NOTHING RETURNING id")

/* the next version of a draft; without a text, that of the last one */
X(REPORT_APPEND, 2,
  "INSERT INTO report_versions (report, version, text, author, author_name) "
  "SELECT p.id, COALESCE(v.version, 0) + 1, COALESCE($2::TEXT, v.text), "
         "p.author, p.author_name "
  "FROM reports p LEFT JOIN LATERAL (SELECT n.version, n.text "
       "FROM report_versions n WHERE n.report = p.id "
       "ORDER BY n.version DESC LIMIT 1) AS v ON true "
  "WHERE p.id = $1::UUID AND NOT EXISTS (SELECT 1 FROM report_finals f "
                                        "WHERE f.report = p.id) "
  "ON CONFLICT (report, version) DO NOTHING")

X(REPORT_FINALIZE, 1,
  "INSERT INTO report_finals (report, version) "
  "SELECT v.report, max(v.version) FROM report_versions v "
  "WHERE v.report = $1::UUID GROUP BY v.report "
  "ON CONFLICT (report) DO NOTHING")

/* final ones of before there was a search */
X(REPORT_WORDLESS, 1,
  "SELECT f.report, v.text, "
         "COALESCE((SELECT string_agg(a.text, ' ') FROM report_addenda a "
                   "WHERE a.report = f.report), '') AS addenda "
  "FROM report_finals f JOIN report_versions v "
       "ON v.report = f.report AND v.version = f.version "
  "WHERE NOT EXISTS (SELECT 1 FROM report_words w "
                    "WHERE w.word = '' AND w.report = f.report) "
  "LIMIT $1::INT8")

X(REPORT_WORDS, 2,
  "INSERT INTO report_words (word, report) "
  "SELECT t.word, $1::UUID FROM unnest($2::TEXT[]) AS t (word) "
  "ON CONFLICT (word, report) DO NOTHING")

X(REPORT_ADDENDUM, 6,
  "INSERT INTO report_addenda (id, report, text, author, author_name, "
                              "created_as) "
  "VALUES ($1::UUID, $2::UUID, $3::TEXT, $4::UUID, $5::TEXT, $6::TEXT) "
  "ON CONFLICT (id) DO NOTHING RETURNING id")

X(REPORT_ADDENDUM_GET, 1,
  "SELECT a.report, a.created_as FROM report_addenda a WHERE a.id = $1::UUID")


/* audit: ngx_dicom_stmt_audit.h; $13, $14: the study, or the report of the
   study, whose patient is concerned */

X(AUDIT_FACILITY, 14,
  NGX_DICOM_SQL_AUDIT_INSERT
  "COALESCE((SELECT s.patient_issuer || '|' || s.patient_id FROM studies s "
            "WHERE s.uid = COALESCE((SELECT p.study_uid FROM reports p "
                  "WHERE p.id = NULLIF(e.report, '')::UUID), e.study)), "
           "e.patient), e.detail "
  "FROM unnest(" NGX_DICOM_SQL_AUDIT_ARRAYS ", $13::TEXT[], $14::TEXT[]) "
       "AS e (" NGX_DICOM_SQL_AUDIT_FIELDS ", study, report) "
  NGX_DICOM_SQL_AUDIT_RETURNING)

X(AUDIT_FACILITY_PUT, 12, NGX_DICOM_SQL_AUDIT_PLAIN)

X(AUDIT_FACILITY_BEGIN, 3, NGX_DICOM_SQL_AUDIT_BEGIN)

X(AUDIT_FACILITY_SEAL, 5, NGX_DICOM_SQL_AUDIT_SEAL)

X(AUDIT_FACILITY_HEADS, 2, NGX_DICOM_SQL_AUDIT_HEADS)

X(AUDIT_FACILITY_UNSEALED, 4, NGX_DICOM_SQL_AUDIT_UNSEALED)

X(AUDIT_FACILITY_LIST, 8, NGX_DICOM_SQL_AUDIT_LIST NGX_DICOM_SQL_AUDIT_PAGE)

X(AUDIT_FACILITY_OF_PATIENT, 9, NGX_DICOM_SQL_AUDIT_OF_PATIENT)

#undef STUDY_COLUMNS
#undef QIDO_SERIES_COLUMNS
#undef QIDO_INSTANCE_COLUMNS
#undef QIDO_OF_STUDY
#undef QIDO_STUDY_LIKE
#undef STUDY_PAGE
#undef REPORT_COLUMNS
#undef REPORT_FROM
#undef REPORT_FOUND
#undef REPORT_PAGE
