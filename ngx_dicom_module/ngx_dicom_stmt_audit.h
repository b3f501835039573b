
/*
 * SQL that both databases have: of the audit trail.  Included by
 * ngx_dicom_stmt_toplevel.h and ngx_dicom_stmt_facility.h only.
 */


#ifndef _NGX_DICOM_STMT_AUDIT_H_INCLUDED_
#define _NGX_DICOM_STMT_AUDIT_H_INCLUDED_


/* what a hash covers, in its order; ngx_dicom_audit.c counts them */

#define NGX_DICOM_SQL_AUDIT_ROW                                               \
  "id, (extract(epoch FROM at) * 1000)::INT8 AS ms, server, event, outcome, " \
  "user_id, user_name, roles, address, object, patient, detail"

#define NGX_DICOM_SQL_AUDIT_INSERT                                            \
  "INSERT INTO audit (id, at, server, event, outcome, user_id, user_name, "   \
                     "roles, address, object, patient, detail) "              \
  "SELECT e.id, e.at, $1::TEXT, e.event, e.outcome, "                         \
         "NULLIF(e.user_id, '')::UUID, e.user_name, e.roles, e.address, "     \
         "e.object, "

#define NGX_DICOM_SQL_AUDIT_ARRAYS                                            \
  "$2::UUID[], $3::TIMESTAMPTZ[], $4::TEXT[], $5::TEXT[], $6::TEXT[], "       \
  "$7::TEXT[], $8::TEXT[], $9::TEXT[], $10::TEXT[], $11::TEXT[], $12::TEXT[]"

#define NGX_DICOM_SQL_AUDIT_FIELDS                                            \
  "id, at, event, outcome, user_id, user_name, roles, address, object, "      \
  "patient, detail"

/* No patient to be looked up.  This and the seals are of one process alone: who
   repeats a COMMIT that was done violates a key, which tells so, and costs
   nothing where it was not; ON CONFLICT would cost a quarter more each time. */

#define NGX_DICOM_SQL_AUDIT_PLAIN                                             \
  NGX_DICOM_SQL_AUDIT_INSERT "e.patient, e.detail "                           \
  "FROM unnest(" NGX_DICOM_SQL_AUDIT_ARRAYS ") "                              \
       "AS e (" NGX_DICOM_SQL_AUDIT_FIELDS ") "

/* a row that is returned was made now */

#define NGX_DICOM_SQL_AUDIT_RETURNING                                         \
  "ON CONFLICT (id) DO NOTHING RETURNING " NGX_DICOM_SQL_AUDIT_ROW

/* chain, server, when it began */

#define NGX_DICOM_SQL_AUDIT_BEGIN                                             \
  "INSERT INTO audit_chains (id, server, started_at) "                        \
  "VALUES ($1::UUID, $2::TEXT, $3::TIMESTAMPTZ) "                             \
  "ON CONFLICT (id) DO NOTHING"

#define NGX_DICOM_SQL_AUDIT_SEAL                                              \
  "INSERT INTO audit_chain (chain, seq, event, late, hash) "                  \
  "SELECT $1::UUID, t.seq, t.event, t.late, t.hash "                          \
  "FROM unnest($2::INT8[], $3::UUID[], $4::BOOL[], $5::TEXT[]) "              \
       "AS t (seq, event, late, hash)"

/* the ends of a server's chains, the youngest chain first */

#define NGX_DICOM_SQL_AUDIT_HEADS                                             \
  "SELECT c.id, h.seq, h.hash, "                                              \
         "(SELECT (extract(epoch FROM a.at) * 1000)::INT8 FROM audit a "      \
          "WHERE a.id = h.event) AS ms "                                      \
  "FROM audit_chains c JOIN LATERAL ("                                        \
       "SELECT n.seq, n.hash, n.event FROM audit_chain n "                    \
       "WHERE n.chain = c.id ORDER BY n.seq DESC LIMIT 1) AS h ON true "      \
  "WHERE c.server = $1::TEXT ORDER BY c.started_at DESC LIMIT $2::INT8"

/* records of a server without a seal, from $2 until before $3 */

#define NGX_DICOM_SQL_AUDIT_UNSEALED                                          \
  "SELECT " NGX_DICOM_SQL_AUDIT_ROW " FROM audit a "                          \
  "WHERE a.at >= $2::TIMESTAMPTZ AND a.at < $3::TIMESTAMPTZ "                 \
    "AND a.server = $1::TEXT "                                                \
    "AND NOT EXISTS (SELECT 1 FROM audit_chain c WHERE c.event = a.id) "      \
  "ORDER BY a.at, a.id LIMIT $4::INT8"

/* newest first: from, before, user, event, outcome; last row seen; limit */

#define NGX_DICOM_SQL_AUDIT_LIST                                              \
  "SELECT id, at, event, outcome, user_id, user_name, roles, address, "       \
         "server, object, patient, detail, at AS key1, id AS key2 "           \
  "FROM audit "                                                               \
  "WHERE ($1::TIMESTAMPTZ IS NULL OR at >= $1::TIMESTAMPTZ) "                 \
    "AND ($2::TIMESTAMPTZ IS NULL OR at < $2::TIMESTAMPTZ) "                  \
    "AND ($3::UUID IS NULL OR user_id = $3::UUID) "                           \
    "AND ($4::TEXT IS NULL OR event = $4::TEXT) "                             \
    "AND ($5::TEXT IS NULL OR outcome = $5::TEXT) "

#define NGX_DICOM_SQL_AUDIT_PAGE                                              \
    "AND (at, id) < ($6::TIMESTAMPTZ, $7::UUID) "                             \
  "ORDER BY at DESC, id DESC LIMIT $8::INT8"

/* the same of some patients: the patients, then as above */

#define NGX_DICOM_SQL_AUDIT_OF_PATIENT                                        \
  "SELECT id, at, event, outcome, user_id, user_name, roles, address, "       \
         "server, object, patient, detail, at AS key1, id AS key2 "           \
  "FROM audit "                                                               \
  "WHERE patient = ANY ($1::TEXT[]) "                                         \
    "AND ($2::TIMESTAMPTZ IS NULL OR at >= $2::TIMESTAMPTZ) "                 \
    "AND ($3::TIMESTAMPTZ IS NULL OR at < $3::TIMESTAMPTZ) "                  \
    "AND ($4::UUID IS NULL OR user_id = $4::UUID) "                           \
    "AND ($5::TEXT IS NULL OR event = $5::TEXT) "                             \
    "AND ($6::TEXT IS NULL OR outcome = $6::TEXT) "                           \
    "AND (at, id) < ($7::TIMESTAMPTZ, $8::UUID) "                             \
  "ORDER BY at DESC, id DESC LIMIT $9::INT8"


#endif /* _NGX_DICOM_STMT_AUDIT_H_INCLUDED_ */
