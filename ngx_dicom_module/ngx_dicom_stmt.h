
/*
 * Every SQL statement of the module, by name.  A test prepares each against
 * the migrations in sql/.
 *
 * ngx_dicom_stmt_toplevel.h and ngx_dicom_stmt_facility.h hold the tables as
 * X(ID, parameters, "SQL"), one a database; statements name their columns
 * (never SELECT *), number their parameters with explicit casts ($1::UUID), and
 * stay within what PostgreSQL 15 and CockroachDB 23.2 both take.
 */


#ifndef _NGX_DICOM_STMT_H_INCLUDED_
#define _NGX_DICOM_STMT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef enum {
#define X(id, nparams, sql)  NGX_DICOM_STMT_##id,
#include "ngx_dicom_stmt_toplevel.h"
#include "ngx_dicom_stmt_facility.h"
#undef X
    NGX_DICOM_STMT_MAX
} ngx_dicom_stmt_e;


typedef struct {
    const char  *name;       /* of the prepared statement */
    ngx_uint_t   nparams;
    const char  *sql;
} ngx_dicom_stmt_t;

extern const ngx_dicom_stmt_t  ngx_dicom_stmts[NGX_DICOM_STMT_MAX];


/*
 * Whether one plan does for all parameters.  PostgreSQL may believe that one made
 * for these very parameters is so much better that it plans each time anew, which
 * can take several times as long as what is planned.  Not for statements with
 * optional filters: which index serves them depends on which filters there are.
 */
ngx_uint_t ngx_dicom_stmt_one_plan(ngx_dicom_stmt_e stmt);


#endif /* _NGX_DICOM_STMT_H_INCLUDED_ */
