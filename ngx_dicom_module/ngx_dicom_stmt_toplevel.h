
/*
 * Statements of the database "toplevel": X(ID, parameters, "SQL").
 * Included by ngx_dicom_stmt.[ch] only, more than once, hence unguarded.
 */


#include "ngx_dicom_stmt_audit.h"


/* login and sessions */

X(LOGIN_USER, 1,
  "SELECT u.id, u.username, u.name, u.email, u.password_hash, u.roles, "
         "u.physician, u.facility, f.name AS facility_name, u.active, "
         "u.version, u.must_change, "
         "COALESCE(u.reset_expires < now(), false) AS expired "
  "FROM users u LEFT JOIN facilities f ON f.id = u.facility "
  "WHERE u.username = $1::TEXT")

X(SESSION_USER, 1,
  "SELECT u.id, u.username, u.name, u.email, u.password_hash, u.roles, "
         "u.physician, u.facility, f.name AS facility_name, u.active, "
         "u.version, u.must_change, "
         "COALESCE(u.reset_expires < now(), false) AS expired "
  "FROM users u LEFT JOIN facilities f ON f.id = u.facility "
  "WHERE u.id = $1::UUID")

/* id, new hash, the hash that was verified: one of two changes at once wins */
X(SESSION_PASSWORD, 3,
  "UPDATE users SET password_hash = $2::TEXT, must_change = false, "
         "reset_expires = NULL, version = version + 1, updated_at = now() "
  "WHERE id = $1::UUID AND password_hash = $3::TEXT AND active "
  "RETURNING version")


/* failed logins: the keys of account and address */

X(LOGIN_FAILURES, 2,
  "SELECT key, GREATEST(0, ceil(extract(epoch FROM until - now())))::INT8 "
         "AS wait "
  "FROM login_failures WHERE key IN ($1::TEXT, $2::TEXT)")

/* key; failures without a delay; the longest delay.  An hour without one
   begins anew. */
X(LOGIN_FAILED, 3,
  "INSERT INTO login_failures AS l (key, failures, until, updated_at) "
  "VALUES ($1::TEXT, 1, now(), now()) "
  "ON CONFLICT (key) DO UPDATE SET "
      "failures = CASE WHEN l.updated_at < now() - interval '1 hour' THEN 1 "
                      "ELSE l.failures + 1 END, "
      "until = now() + interval '1 second' * "
              "CASE WHEN l.updated_at < now() - interval '1 hour' "
                     "OR l.failures + 1 <= $2::INT8 THEN 0::FLOAT8 "
                   "ELSE LEAST($3::FLOAT8, power(2::FLOAT8, "
                        "LEAST(20, l.failures - $2::INT8)::FLOAT8)) END, "
      "updated_at = now()")

X(LOGIN_FORGIVE, 1,
  "DELETE FROM login_failures WHERE key = $1::TEXT")

X(LOGIN_FORGET, 0,
  "DELETE FROM login_failures WHERE updated_at < now() - interval '1 day'")


/* break-glass: facility, user; issuer and value of the patient's number */
X(GLASS_CHECK, 4,
  "SELECT EXISTS (SELECT 1 FROM facilities "
                 "WHERE id = $1::UUID AND active) AS facility, "
         "EXISTS (SELECT 1 FROM users WHERE id = $2::UUID AND active "
                 "AND NOT must_change) AS known, "
         "(SELECT i.patient::TEXT FROM patient_identifiers i "
          "WHERE i.issuer = $3::TEXT AND i.value = $4::TEXT) AS patient")


/* audit: ngx_dicom_stmt_audit.h */

X(AUDIT_TOPLEVEL, 12,
  NGX_DICOM_SQL_AUDIT_PLAIN NGX_DICOM_SQL_AUDIT_RETURNING)

X(AUDIT_TOPLEVEL_PUT, 12, NGX_DICOM_SQL_AUDIT_PLAIN)

X(AUDIT_TOPLEVEL_BEGIN, 3, NGX_DICOM_SQL_AUDIT_BEGIN)

X(AUDIT_TOPLEVEL_SEAL, 5, NGX_DICOM_SQL_AUDIT_SEAL)

X(AUDIT_TOPLEVEL_HEADS, 2, NGX_DICOM_SQL_AUDIT_HEADS)

X(AUDIT_TOPLEVEL_UNSEALED, 4, NGX_DICOM_SQL_AUDIT_UNSEALED)

X(AUDIT_TOPLEVEL_LIST, 8, NGX_DICOM_SQL_AUDIT_LIST NGX_DICOM_SQL_AUDIT_PAGE)

X(AUDIT_TOPLEVEL_OF_PATIENT, 9, NGX_DICOM_SQL_AUDIT_OF_PATIENT)


/*
 * Resources.  Of each:
 *   _GET     id
 *   _LOCK    id, audit event: to change it; done says that the event is
 *            there, so that this very change was committed before
 *   _INSERT  id, values, created_as
 *   _UPDATE  id, the same values
 *   _END     id: deactivates
 *   _LIST    filters, keys of the last row seen, limit
 * The columns of _GET, _LOCK and _LIST are those of the resource's table in
 * ngx_http_dicom_*.c, in the same order; then done, or the keys.
 */

#define NGX_DICOM_FACILITY_COLUMNS                                            \
  "id, code, name, address, city, country, patient_issuer, active, version, " \
  "created_at, updated_at, created_as"

X(FACILITY_GET, 1,
  "SELECT " NGX_DICOM_FACILITY_COLUMNS " "
  "FROM facilities WHERE id = $1::UUID")

X(FACILITY_LOCK, 2,
  "SELECT " NGX_DICOM_FACILITY_COLUMNS ", "
         "EXISTS (SELECT 1 FROM audit WHERE id = $2::UUID) AS done "
  "FROM facilities WHERE id = $1::UUID FOR UPDATE")

X(FACILITY_INSERT, 10,
  "INSERT INTO facilities (id, code, name, address, city, country, "
                          "patient_issuer, active, search, created_as) "
  "VALUES ($1::UUID, $2::TEXT, $3::TEXT, $4::TEXT, $5::TEXT, $6::TEXT, "
          "$7::TEXT, $8::BOOL, $9::TEXT, $10::TEXT) "
  "ON CONFLICT (id) DO NOTHING RETURNING id")

X(FACILITY_UPDATE, 9,
  "UPDATE facilities SET code = $2::TEXT, name = $3::TEXT, "
         "address = $4::TEXT, city = $5::TEXT, country = $6::TEXT, "
         "patient_issuer = $7::TEXT, active = $8::BOOL, search = $9::TEXT, "
         "version = version + 1, updated_at = now() "
  "WHERE id = $1::UUID")

X(FACILITY_END, 1,
  "UPDATE facilities SET active = false, version = version + 1, "
         "updated_at = now() "
  "WHERE id = $1::UUID")

X(FACILITY_LIST, 5,
  "SELECT " NGX_DICOM_FACILITY_COLUMNS ", name AS key1, id AS key2 "
  "FROM facilities "
  "WHERE ($1::BOOL IS NULL OR active = $1::BOOL) "
    "AND NOT EXISTS (SELECT 1 FROM unnest($2::TEXT[]) AS w (word) "
                    "WHERE strpos(search || ' ' || lower(name), "
                                 "' ' || w.word) = 0) "
    "AND (name, id) > ($3::TEXT, $4::UUID) "
  "ORDER BY name, id LIMIT $5::INT8")


#define NGX_DICOM_SERVER_COLUMNS                                              \
  "id, facility, type, name, url, active, version, created_at, updated_at, "  \
  "created_as"

X(SERVER_GET, 1,
  "SELECT " NGX_DICOM_SERVER_COLUMNS " FROM servers WHERE id = $1::UUID")

X(SERVER_LOCK, 2,
  "SELECT " NGX_DICOM_SERVER_COLUMNS ", "
         "EXISTS (SELECT 1 FROM audit WHERE id = $2::UUID) AS done "
  "FROM servers WHERE id = $1::UUID FOR UPDATE")

X(SERVER_INSERT, 7,
  "INSERT INTO servers (id, facility, type, name, url, active, created_as) "
  "VALUES ($1::UUID, $2::UUID, $3::TEXT, $4::TEXT, $5::TEXT, $6::BOOL, "
          "$7::TEXT) "
  "ON CONFLICT (id) DO NOTHING RETURNING id")

X(SERVER_UPDATE, 6,
  "UPDATE servers SET facility = $2::UUID, type = $3::TEXT, "
         "name = $4::TEXT, url = $5::TEXT, active = $6::BOOL, "
         "version = version + 1, updated_at = now() "
  "WHERE id = $1::UUID")

X(SERVER_END, 1,
  "UPDATE servers SET active = false, version = version + 1, "
         "updated_at = now() "
  "WHERE id = $1::UUID")

X(SERVER_LIST, 6,
  "SELECT " NGX_DICOM_SERVER_COLUMNS ", name AS key1, id AS key2 "
  "FROM servers "
  "WHERE ($1::BOOL IS NULL OR active = $1::BOOL) "
    "AND ($2::UUID IS NULL OR facility = $2::UUID) "
    "AND ($3::TEXT IS NULL OR type = $3::TEXT) "
    "AND (name, id) > ($4::TEXT, $5::UUID) "
  "ORDER BY name, id LIMIT $6::INT8")


#define NGX_DICOM_USER_COLUMNS                                                \
  "id, username, name, email, roles, physician, facility, active, version, "  \
  "created_at, updated_at, created_as"

X(USER_GET, 1,
  "SELECT " NGX_DICOM_USER_COLUMNS " FROM users WHERE id = $1::UUID")

X(USER_LOCK, 2,
  "SELECT " NGX_DICOM_USER_COLUMNS ", "
         "EXISTS (SELECT 1 FROM audit WHERE id = $2::UUID) AS done "
  "FROM users WHERE id = $1::UUID FOR UPDATE")

X(USER_INSERT, 11,
  "INSERT INTO users (id, username, name, email, roles, physician, facility, "
                     "active, search, password_hash, created_as) "
  "VALUES ($1::UUID, $2::TEXT, $3::TEXT, $4::TEXT, $5::TEXT, $6::BOOL, "
          "$7::UUID, $8::BOOL, $9::TEXT, $10::TEXT, $11::TEXT) "
  "ON CONFLICT (id) DO NOTHING RETURNING id")

/* a NULL hash leaves the password as it is */
X(USER_UPDATE, 10,
  "UPDATE users SET username = $2::TEXT, name = $3::TEXT, email = $4::TEXT, "
         "roles = $5::TEXT, physician = $6::BOOL, facility = $7::UUID, "
         "active = $8::BOOL, search = $9::TEXT, "
         "password_hash = COALESCE($10::TEXT, password_hash), "
         "version = version + 1, updated_at = now() "
  "WHERE id = $1::UUID")

/* a password that must be changed, and ends */
X(USER_RESET, 2,
  "UPDATE users SET password_hash = $2::TEXT, must_change = true, "
         "reset_expires = now() + interval '24 hours', "
         "version = version + 1, updated_at = now() "
  "WHERE id = $1::UUID")

X(USER_END, 1,
  "UPDATE users SET active = false, version = version + 1, "
         "updated_at = now() "
  "WHERE id = $1::UUID")

X(USER_LIST, 5,
  "SELECT " NGX_DICOM_USER_COLUMNS ", username AS key1 "
  "FROM users "
  "WHERE ($1::BOOL IS NULL OR active = $1::BOOL) "
    "AND NOT EXISTS (SELECT 1 FROM unnest($2::TEXT[]) AS w (word) "
                    "WHERE strpos(search || ' ' || lower(name) || ' ' "
                                 "|| username, ' ' || w.word) = 0) "
    "AND ($3::UUID IS NULL OR facility = $3::UUID) "
    "AND username > $4::TEXT "
  "ORDER BY username LIMIT $5::INT8")


#define NGX_DICOM_MODALITY_COLUMNS                                            \
  "id, code, name, active, version, created_at, updated_at, created_as"

X(MODALITY_GET, 1,
  "SELECT " NGX_DICOM_MODALITY_COLUMNS " "
  "FROM modalities WHERE id = $1::UUID")

X(MODALITY_LOCK, 2,
  "SELECT " NGX_DICOM_MODALITY_COLUMNS ", "
         "EXISTS (SELECT 1 FROM audit WHERE id = $2::UUID) AS done "
  "FROM modalities WHERE id = $1::UUID FOR UPDATE")

X(MODALITY_INSERT, 6,
  "INSERT INTO modalities (id, code, name, active, search, created_as) "
  "VALUES ($1::UUID, $2::TEXT, $3::TEXT, $4::BOOL, $5::TEXT, $6::TEXT) "
  "ON CONFLICT (id) DO NOTHING RETURNING id")

X(MODALITY_UPDATE, 5,
  "UPDATE modalities SET code = $2::TEXT, name = $3::TEXT, "
         "active = $4::BOOL, search = $5::TEXT, "
         "version = version + 1, updated_at = now() "
  "WHERE id = $1::UUID")

X(MODALITY_END, 1,
  "UPDATE modalities SET active = false, version = version + 1, "
         "updated_at = now() "
  "WHERE id = $1::UUID")

X(MODALITY_LIST, 4,
  "SELECT " NGX_DICOM_MODALITY_COLUMNS ", code AS key1 "
  "FROM modalities "
  "WHERE ($1::BOOL IS NULL OR active = $1::BOOL) "
    "AND NOT EXISTS (SELECT 1 FROM unnest($2::TEXT[]) AS w (word) "
                    "WHERE strpos(search || ' ' || lower(code) || ' ' "
                                 "|| lower(name), ' ' || w.word) = 0) "
    "AND code > $3::TEXT "
  "ORDER BY code LIMIT $4::INT8")


/* the records that live on in p */
#define NGX_DICOM_PATIENT_MERGED                                              \
  "SELECT json_agg(json_build_object("                                        \
     "'id', o.id, 'into', g.into_patient, "                                   \
     "'name', json_build_object("                                             \
         "'family', NULLIF(o.family_name, ''), "                              \
         "'given', NULLIF(o.given_name, ''), "                                \
         "'middle', NULLIF(o.middle_name, ''), "                              \
         "'prefix', NULLIF(o.name_prefix, ''), "                              \
         "'suffix', NULLIF(o.name_suffix, '')), "                             \
     "'birth_date', o.birth_date::TEXT, 'sex', o.sex, "                       \
     "'identifiers', COALESCE("                                               \
         "(SELECT json_agg(json_build_object('issuer', i.issuer, "            \
                                            "'value', i.value) "              \
                          "ORDER BY i.position) "                             \
          "FROM patient_identifiers i WHERE i.patient = o.id), "              \
         "'[]'::JSON), "                                                      \
     "'reason', g.reason, 'at', g.merged_at, 'by', g.merged_by_name) "        \
     "ORDER BY g.merged_at, g.patient) "                                      \
  "FROM patient_merges g JOIN patients o ON o.id = g.patient "                \
  "WHERE g.survivor = p.id"

#define NGX_DICOM_PATIENT_COLUMNS                                             \
  "p.id, p.family_name, p.given_name, p.middle_name, p.name_prefix, "         \
  "p.name_suffix, p.birth_date, p.sex, "                                      \
  "(SELECT json_agg(json_build_object('issuer', i.issuer, "                   \
                                     "'value', i.value) "                     \
                   "ORDER BY i.position) "                                    \
   "FROM patient_identifiers i WHERE i.patient = p.id)::TEXT "                \
  "AS identifiers, "                                                          \
  "(SELECT g.survivor FROM patient_merges g WHERE g.patient = p.id) "         \
  "AS merged_into, "                                                          \
  "(" NGX_DICOM_PATIENT_MERGED ")::TEXT AS merged, "                          \
  "p.active, p.version, p.created_at, p.updated_at, p.created_as"

/* merged records are in no list */
#define NGX_DICOM_PATIENT_LIVES                                               \
  "AND NOT EXISTS (SELECT 1 FROM patient_merges g WHERE g.patient = p.id) "

X(PATIENT_GET, 1,
  "SELECT " NGX_DICOM_PATIENT_COLUMNS " FROM patients p WHERE p.id = $1::UUID")

X(PATIENT_LOCK, 2,
  "SELECT " NGX_DICOM_PATIENT_COLUMNS ", "
         "EXISTS (SELECT 1 FROM audit WHERE id = $2::UUID) AS done "
  "FROM patients p WHERE p.id = $1::UUID FOR UPDATE OF p")

X(PATIENT_INSERT, 11,
  "INSERT INTO patients (id, family_name, given_name, middle_name, "
                        "name_prefix, name_suffix, birth_date, sex, active, "
                        "sort_name, created_as) "
  "VALUES ($1::UUID, $2::TEXT, $3::TEXT, $4::TEXT, $5::TEXT, $6::TEXT, "
          "$7::DATE, $8::TEXT, $9::BOOL, $10::TEXT, $11::TEXT) "
  "ON CONFLICT (id) DO NOTHING RETURNING id")

X(PATIENT_UPDATE, 10,
  "UPDATE patients SET family_name = $2::TEXT, given_name = $3::TEXT, "
         "middle_name = $4::TEXT, name_prefix = $5::TEXT, "
         "name_suffix = $6::TEXT, birth_date = $7::DATE, sex = $8::TEXT, "
         "active = $9::BOOL, sort_name = $10::TEXT, "
         "version = version + 1, updated_at = now() "
  "WHERE id = $1::UUID")

X(PATIENT_END, 1,
  "UPDATE patients SET active = false, version = version + 1, "
         "updated_at = now() "
  "WHERE id = $1::UUID")

X(PATIENT_NO_IDENTIFIERS, 1,
  "DELETE FROM patient_identifiers WHERE patient = $1::UUID")

X(PATIENT_IDENTIFIERS, 4,
  "INSERT INTO patient_identifiers (patient, issuer, value, position) "
  "SELECT $1::UUID, t.issuer, t.value, t.position "
  "FROM unnest($2::TEXT[], $3::TEXT[], $4::INT8[]) "
       "AS t (issuer, value, position)")

X(PATIENT_NO_WORDS, 1,
  "DELETE FROM patient_words WHERE patient = $1::UUID")

X(PATIENT_WORDS, 3,
  "INSERT INTO patient_words (word, sort_name, patient) "
  "SELECT t.word, $2::TEXT, $1::UUID FROM unnest($3::TEXT[]) AS t (word) "
  "ON CONFLICT (word, sort_name, patient) DO NOTHING")

/* the words of whom id lives on for: last of the writes */
X(PATIENT_LEND_WORDS, 1,
  "INSERT INTO patient_words (word, sort_name, patient, lent) "
  "SELECT DISTINCT w.word, p.sort_name, p.id, true "
  "FROM patients p JOIN patient_merges g ON g.survivor = p.id "
       "JOIN patient_words w ON w.patient = g.patient AND NOT w.lent "
  "WHERE p.id = $1::UUID "
  "ON CONFLICT (word, sort_name, patient) DO NOTHING")

X(PATIENT_UNLEND_WORDS, 1,
  "DELETE FROM patient_words WHERE patient = $1::UUID AND lent")


/*
 * Merging $1 into $2.  Both are locked in the order of their ids, and both
 * get a new version: of two merges or undoings that share a record or a
 * survivor, one is repeated and sees what the other did, so that no cycle
 * can come about.
 */

X(MERGE_LOCK, 2,
  "SELECT p.id, p.active, "
         "EXISTS (SELECT 1 FROM patient_merges g WHERE g.patient = p.id) "
         "AS merged, "
         "(SELECT count(*) FROM patient_merges g WHERE g.survivor = p.id) "
         "AS holds "
  "FROM patients p WHERE p.id IN ($1::UUID, $2::UUID) "
  "ORDER BY p.id FOR UPDATE OF p")

X(MERGE_INSERT, 5,
  "INSERT INTO patient_merges (patient, into_patient, survivor, reason, "
                              "merged_by, merged_by_name) "
  "VALUES ($1::UUID, $2::UUID, $2::UUID, $3::TEXT, $4::UUID, $5::TEXT)")

X(MERGE_FOLLOW, 2,
  "UPDATE patient_merges SET survivor = $2::UUID WHERE survivor = $1::UUID")

X(MERGE_TOUCH, 2,
  "UPDATE patients SET version = version + 1, updated_at = now() "
  "WHERE id IN ($1::UUID, $2::UUID)")

/* undoing it: the record, and who it lives on in */
X(UNMERGE_LOCK, 1,
  "SELECT p.id FROM patients p "
  "WHERE p.id IN (SELECT $1::UUID UNION ALL SELECT g.survivor "
                 "FROM patient_merges g WHERE g.patient = $1::UUID) "
  "ORDER BY p.id FOR UPDATE OF p")

/* what had been merged into it before follows it */
X(UNMERGE_FOLLOW, 1,
  "WITH RECURSIVE below (patient) AS ("
      "SELECT g.patient FROM patient_merges g WHERE g.into_patient = $1::UUID "
      "UNION SELECT g.patient FROM patient_merges g "
            "JOIN below b ON g.into_patient = b.patient) "
  "UPDATE patient_merges SET survivor = $1::UUID "
  "WHERE patient IN (SELECT b.patient FROM below b)")

X(UNMERGE_DELETE, 1,
  "DELETE FROM patient_merges WHERE patient = $1::UUID")

X(MERGED_IDS, 1,
  "SELECT g.patient FROM patient_merges g WHERE g.survivor = $1::UUID")


X(PATIENT_LIST, 4,
  "SELECT " NGX_DICOM_PATIENT_COLUMNS ", p.sort_name AS key1, p.id AS key2 "
  "FROM patients p "
  "WHERE ($1::BOOL IS NULL OR p.active = $1::BOOL) "
    NGX_DICOM_PATIENT_LIVES
    "AND (p.sort_name, p.id) > ($2::TEXT, $3::UUID) "
  "ORDER BY p.sort_name, p.id LIMIT $4::INT8")

X(PATIENT_BY_BIRTH_DATE, 5,
  "SELECT " NGX_DICOM_PATIENT_COLUMNS ", p.sort_name AS key1, p.id AS key2 "
  "FROM patients p "
  "WHERE ($1::BOOL IS NULL OR p.active = $1::BOOL) "
    "AND p.birth_date = $2::DATE "
    NGX_DICOM_PATIENT_LIVES
    "AND (p.sort_name, p.id) > ($3::TEXT, $4::UUID) "
  "ORDER BY p.sort_name, p.id LIMIT $5::INT8")

/* a merged record's number is its survivor's, too */
X(PATIENT_BY_IDENTIFIER, 7,
  "SELECT " NGX_DICOM_PATIENT_COLUMNS ", p.sort_name AS key1, p.id AS key2 "
  "FROM patient_identifiers n "
       "LEFT JOIN patient_merges m ON m.patient = n.patient "
       "JOIN patients p ON p.id = COALESCE(m.survivor, n.patient) "
  "WHERE n.issuer = $1::TEXT AND n.value = $2::TEXT "
    "AND ($3::BOOL IS NULL OR p.active = $3::BOOL) "
    "AND ($4::DATE IS NULL OR p.birth_date = $4::DATE) "
    "AND (p.sort_name, p.id) > ($5::TEXT, $6::UUID) "
  "ORDER BY p.sort_name, p.id LIMIT $7::INT8")

/*
 * One word: the range $1..$2 of patient_words in the order of its primary key.
 * A patient with several words in the range is taken at the first of them.
 * The range has one lower bound, the cursor's: of two, PostgreSQL may begin at
 * the lower one and read all words between them.
 */
X(PATIENT_BY_WORD, 8,
  "SELECT " NGX_DICOM_PATIENT_COLUMNS ", "
         "w.word AS key1, w.sort_name AS key2, w.patient AS key3 "
  "FROM patient_words w JOIN patients p ON p.id = w.patient "
  "WHERE w.word < $2::TEXT "
    "AND ($3::BOOL IS NULL OR p.active = $3::BOOL) "
    "AND ($4::DATE IS NULL OR p.birth_date = $4::DATE) "
    NGX_DICOM_PATIENT_LIVES
    "AND NOT EXISTS (SELECT 1 FROM patient_words o "
                    "WHERE o.patient = w.patient "
                      "AND o.word >= $1::TEXT AND o.word < w.word) "
    "AND (w.word, w.sort_name, w.patient) > "
        "(GREATEST($1::TEXT, $5::TEXT), $6::TEXT, $7::UUID) "
  "ORDER BY w.word, w.sort_name, w.patient LIMIT $8::INT8")

/* several: one of them as above, each other (from $5, to $6) must be there */
X(PATIENT_BY_WORDS, 10,
  "SELECT " NGX_DICOM_PATIENT_COLUMNS ", "
         "w.word AS key1, w.sort_name AS key2, w.patient AS key3 "
  "FROM patient_words w JOIN patients p ON p.id = w.patient "
  "WHERE w.word < $2::TEXT "
    "AND ($3::BOOL IS NULL OR p.active = $3::BOOL) "
    "AND ($4::DATE IS NULL OR p.birth_date = $4::DATE) "
    NGX_DICOM_PATIENT_LIVES
    "AND NOT EXISTS (SELECT 1 FROM patient_words o "
                    "WHERE o.patient = w.patient "
                      "AND o.word >= $1::TEXT AND o.word < w.word) "
    "AND NOT EXISTS (SELECT 1 FROM unnest($5::TEXT[], $6::TEXT[]) "
                                  "AS t (lowest, below) "
                    "WHERE NOT EXISTS (SELECT 1 FROM patient_words x "
                                      "WHERE x.patient = w.patient "
                                        "AND x.word >= t.lowest "
                                        "AND x.word < t.below)) "
    "AND (w.word, w.sort_name, w.patient) > "
        "(GREATEST($1::TEXT, $7::TEXT), $8::TEXT, $9::UUID) "
  "ORDER BY w.word, w.sort_name, w.patient LIMIT $10::INT8")
