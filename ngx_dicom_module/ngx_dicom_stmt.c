
/*
 * The table of statements, and nothing else.
 */


#include "ngx_dicom_stmt.h"


const ngx_dicom_stmt_t  ngx_dicom_stmts[NGX_DICOM_STMT_MAX] = {
#define X(id, nparams, sql)  { #id, nparams, sql },
#include "ngx_dicom_stmt_toplevel.h"
#include "ngx_dicom_stmt_facility.h"
#undef X
};
