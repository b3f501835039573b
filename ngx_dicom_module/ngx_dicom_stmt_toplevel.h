
/*
 * Statements of the database "toplevel": X(ID, parameters, "SQL").
 * Included by ngx_dicom_stmt.[ch] only, more than once, hence unguarded.
 */


/* login and sessions */

X(LOGIN_USER, 1,
  "SELECT u.id, u.username, u.name, u.email, u.password_hash, u.roles, "
         "u.physician, u.facility, f.name AS facility_name, u.active, "
         "u.version "
  "FROM users u LEFT JOIN facilities f ON f.id = u.facility "
  "WHERE u.username = $1::TEXT")

X(SESSION_USER, 1,
  "SELECT u.id, u.username, u.name, u.email, u.password_hash, u.roles, "
         "u.physician, u.facility, f.name AS facility_name, u.active, "
         "u.version "
  "FROM users u LEFT JOIN facilities f ON f.id = u.facility "
  "WHERE u.id = $1::UUID")

/* id, new hash, the hash that was verified: one of two changes at once wins */
X(SESSION_PASSWORD, 3,
  "UPDATE users SET password_hash = $2::TEXT, version = version + 1, "
         "updated_at = now() "
  "WHERE id = $1::UUID AND password_hash = $3::TEXT AND active "
  "RETURNING version")


/* audit */

X(AUDIT_TOPLEVEL, 9,
  "INSERT INTO audit (id, event, outcome, user_id, user_name, address, "
                     "object, patient, detail) "
  "VALUES ($1::UUID, $2::TEXT, $3::TEXT, $4::UUID, $5::TEXT, $6::TEXT, "
          "$7::TEXT, $8::TEXT, $9::TEXT) "
  "ON CONFLICT (id) DO NOTHING")
