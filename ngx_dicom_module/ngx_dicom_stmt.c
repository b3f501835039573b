
/*
 * The table of statements, and what is to be known of some.
 */


#include "ngx_dicom_stmt.h"


const ngx_dicom_stmt_t  ngx_dicom_stmts[NGX_DICOM_STMT_MAX] = {
#define X(id, nparams, sql)  { #id, nparams, sql },
#include "ngx_dicom_stmt_toplevel.h"
#include "ngx_dicom_stmt_facility.h"
#undef X
};


ngx_uint_t
ngx_dicom_stmt_one_plan(ngx_dicom_stmt_e stmt)
{
    switch (stmt) {

    case NGX_DICOM_STMT_PATIENT_BY_WORD:
    case NGX_DICOM_STMT_PATIENT_BY_WORDS:

    case NGX_DICOM_STMT_AUDIT_TOPLEVEL:
    case NGX_DICOM_STMT_AUDIT_TOPLEVEL_PUT:
    case NGX_DICOM_STMT_AUDIT_TOPLEVEL_SEAL:
    case NGX_DICOM_STMT_AUDIT_FACILITY:
    case NGX_DICOM_STMT_AUDIT_FACILITY_PUT:
    case NGX_DICOM_STMT_AUDIT_FACILITY_SEAL:

    /* by a key: PostgreSQL finds so by itself, but they change no setting */

    case NGX_DICOM_STMT_SESSION_USER:
    case NGX_DICOM_STMT_FACILITY_GET:
    case NGX_DICOM_STMT_SERVER_GET:
    case NGX_DICOM_STMT_USER_GET:
    case NGX_DICOM_STMT_PATIENT_GET:

    /* by the series and by the study, whatever else they are asked */

    case NGX_DICOM_STMT_STUDY_GET:
    case NGX_DICOM_STMT_STUDY_SERIES:
    case NGX_DICOM_STMT_STUDY_INSTANCES:
    case NGX_DICOM_STMT_SERIES_GET:
    case NGX_DICOM_STMT_SERIES_INSTANCES:
    case NGX_DICOM_STMT_STACK_SERIES:
    case NGX_DICOM_STMT_STACK_INSTANCES:
    case NGX_DICOM_STMT_STACK_STATES:

    /* an upload's, all by a key, around its AUDIT_FACILITY */

    case NGX_DICOM_STMT_READY:
    case NGX_DICOM_STMT_STUDY_INSERT:
    case NGX_DICOM_STMT_STUDY_CHECK:
    case NGX_DICOM_STMT_STUDY_TOKENS:
    case NGX_DICOM_STMT_SERIES_INSERT:
    case NGX_DICOM_STMT_SERIES_CHECK:
    case NGX_DICOM_STMT_INSTANCE_INSERT:
    case NGX_DICOM_STMT_INSTANCE_CHECK:
    case NGX_DICOM_STMT_INSTANCE_RENEW:
        return 1;

    default:
        return 0;
    }
}
