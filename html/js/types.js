/**
 * The shapes that travel over the wire, as JSDoc types.  Nothing runs here.
 *
 * @typedef {object} User
 * @property {string} id
 * @property {string} username
 * @property {string} name
 * @property {string[]} roles
 * @property {boolean} physician
 * @property {{id: string, name: string} | null} facility
 *
 * @typedef {object} Rights  of whoever looks; a session has them
 * @property {User | null} user
 * @property {(...roles: string[]) => boolean} may
 *
 * @typedef {object} Account  a user as administrators see one
 * @property {string} id
 * @property {string} username
 * @property {string} name
 * @property {string | null} email
 * @property {string[]} roles
 * @property {boolean} physician
 * @property {string | null} facility  id
 * @property {boolean} active
 * @property {string} created_at
 * @property {string} updated_at
 *
 * @typedef {object} AuditEvent
 * @property {string} id
 * @property {string} at
 * @property {string} event
 * @property {"success" | "failure"} outcome
 * @property {{id: string | null, name: string | null, roles: string[]}} user
 * @property {string | null} address
 * @property {string | null} server
 * @property {string | null} object
 * @property {string | null} patient
 * @property {string | null} detail
 *
 * @typedef {object} LoginAnswer
 * @property {string} token
 * @property {number} expires_in  seconds
 * @property {User} user
 *
 * @typedef {object} ServerEntry
 * @property {string} id
 * @property {string | null} facility
 * @property {"facility" | "node" | "toplevel" | "web"} type
 * @property {string} name
 * @property {string} url
 * @property {boolean} active
 *
 * @typedef {object} ModalityEntry
 * @property {string} id
 * @property {string} code
 * @property {string} name
 * @property {boolean} active
 *
 * @typedef {object} FacilityEntry
 * @property {string} id
 * @property {string} name
 * @property {string} code
 * @property {string | null} [address]
 * @property {string | null} [city]
 * @property {string | null} [country]
 * @property {string | null} [patient_issuer]
 * @property {boolean} active
 *
 * @typedef {object} Heartbeat  of a server of a facility
 * @property {string} name
 * @property {"facility" | "node"} type
 * @property {string} host
 * @property {"ok" | "degraded" | "silent"} status
 * @property {string} started_at
 * @property {string} seen_at
 *
 * @typedef {object} Identifier
 * @property {string} issuer
 * @property {string} value
 *
 * @typedef {object} PersonName
 * @property {string | null} [family]
 * @property {string | null} [given]
 * @property {string | null} [middle]
 * @property {string | null} [prefix]
 * @property {string | null} [suffix]
 *
 * @typedef {object} Patient
 * @property {string} id
 * @property {PersonName} name
 * @property {string | null} birth_date
 * @property {"M" | "F" | "O" | "U" | null} sex
 * @property {Identifier[]} identifiers
 * @property {boolean} active
 * @property {string | null} merged_into  id of the record it lives on in
 * @property {MergedPatient[]} merged     records that live on in this one
 *
 * @typedef {object} MergedPatient
 * @property {string} id
 * @property {string} into
 * @property {PersonName} name
 * @property {string | null} birth_date
 * @property {string | null} sex
 * @property {Identifier[]} identifiers
 * @property {string} reason
 * @property {string} at
 * @property {string} by  name of the user
 *
 * @typedef {object} StudyPatient
 * @property {string | null} id
 * @property {string | null} issuer
 * @property {string | null} name  DICOM PN, "FAMILY^GIVEN"
 * @property {string | null} birth_date
 * @property {string | null} sex
 *
 * @typedef {object} StudyItem
 * @property {string} uid
 * @property {StudyPatient} patient
 * @property {string | null} date
 * @property {string | null} time
 * @property {string | null} description
 * @property {string | null} accession
 * @property {string | null} referring_physician
 * @property {string[]} modalities
 * @property {number} series_count
 * @property {number} instance_count
 * @property {{draft: number, final: number}} reports
 * @property {string | null} node
 *
 * @typedef {object} InstanceItem
 * @property {string} uid
 * @property {number | null} number
 * @property {string} sop_class
 * @property {string} transfer_syntax
 * @property {number} frames
 * @property {number | null} rows
 * @property {number | null} columns
 * @property {number} size
 *
 * @typedef {object} SeriesItem
 * @property {string} uid
 * @property {number | null} number
 * @property {string | null} modality
 * @property {string | null} description
 * @property {string | null} body_part
 * @property {number} instance_count
 * @property {number} frame_count
 * @property {number | null} rows
 * @property {number | null} columns
 * @property {InstanceItem[]} instances
 *
 * @typedef {StudyItem & {series: SeriesItem[]}} StudyDetail
 *
 * @typedef {object} ReportAuthor
 * @property {string} id
 * @property {string} name
 *
 * @typedef {object} Addendum
 * @property {string} id
 * @property {string} text
 * @property {ReportAuthor} author
 * @property {string} created_at
 *
 * @typedef {object} Report
 * @property {string} id
 * @property {string} study
 * @property {"draft" | "final"} status
 * @property {string} text
 * @property {number} version
 * @property {ReportAuthor} author
 * @property {string} created_at
 * @property {string} updated_at
 * @property {string | null} finalized_at
 * @property {Addendum[]} [addenda]
 * @property {{version: number, author: ReportAuthor | string, at: string}[]}
 *     [versions]
 *
 * @typedef {object} ReportFound  of a search
 * @property {string} id
 * @property {string} study
 * @property {"draft" | "final"} status
 * @property {ReportAuthor} author
 * @property {string} created_at
 * @property {string} updated_at
 * @property {string | null} finalized_at
 * @property {string} excerpt
 * @property {{id: string | null, issuer: string | null, name: string | null,
 *     birth_date: string | null}} patient
 * @property {string | null} study_date
 * @property {string | null} description
 *
 * @typedef {object} WindowSetting
 * @property {number} center
 * @property {number} width
 * @property {string} [explanation]
 *
 * @typedef {object} StackInfo
 * @property {string} id
 * @property {string} study
 * @property {string} series
 * @property {number} layers
 * @property {number} rows
 * @property {number} columns
 * @property {number} samples
 * @property {number} bits
 * @property {string} photometric
 * @property {"loading" | "ready" | "failed"} state
 * @property {number} loaded
 * @property {number} bytes
 * @property {string | null} modality
 * @property {WindowSetting[]} windows
 * @property {[number, number] | null} spacing  mm between rows, columns
 * @property {string | null} [frame_of_reference]  UID
 * @property {"volume" | "times" | "images" | "clip" | "localizer"} [kind]
 * @property {number | null} slice_spacing
 * @property {number | null} thickness
 * @property {number | null} aspect  height of a pixel over its width
 * @property {{top: string, right: string, bottom: string, left: string}
 *     | null} orientation
 * @property {boolean} lossy
 * @property {number | null} frame_time  ms
 * @property {Region[]} [regions]  of an ultrasound image, of the first layer
 * @property {number} [part]  which of the parts this is
 * @property {PartInfo[]} [parts]  all of the series
 * @property {PresentationName[]} [presentations]
 * @property {string[]} [warnings]
 * @property {{slug: string, detail: string} | null} [error]
 *
 * @typedef {object} Region  a calibrated part of an image, pixels, all inside
 * @property {number} left
 * @property {number} top
 * @property {number} right
 * @property {number} bottom
 * @property {[number, number]} spacing  mm between rows, columns
 *
 * @typedef {object} PresentationName
 * @property {string} uid
 * @property {string} label
 * @property {string} description
 * @property {string} creator
 * @property {string | null} date
 * @property {string | null} problem  why it cannot be applied
 *
 * @typedef {object} PresentationWindow
 * @property {[number, number][]} layers  runs of them, first and last
 * @property {number | null} center
 * @property {number | null} width
 *
 * @typedef {object} PresentationArea  in image coordinates
 * @property {[number, number][]} layers
 * @property {number} left
 * @property {number} top
 * @property {number} right
 * @property {number} bottom
 * @property {"fit" | "true_size" | "magnify"} size
 * @property {number | null} magnification
 * @property {number | null} aspect
 *
 * @typedef {object} PresentationGraphic
 * @property {"point" | "polyline" | "interpolated" | "circle" | "ellipse"}
 *     shape
 * @property {"pixel" | "display"} units
 * @property {boolean} filled
 * @property {[number, number][]} points
 *
 * @typedef {object} PresentationText
 * @property {string} text
 * @property {{units: "pixel" | "display", left: number, top: number,
 *     right: number, bottom: number, justify: "left" | "center" | "right"}
 *     | null} box
 * @property {{units: "pixel" | "display", x: number, y: number,
 *     visible: boolean} | null} anchor
 *
 * @typedef {object} PresentationAnnotation
 * @property {[number, number][]} layers
 * @property {string} graphic_layer
 * @property {PresentationGraphic[]} graphics
 * @property {PresentationText[]} texts
 *
 * @typedef {object} PresentationParts
 * @property {[number, number][]} layers
 * @property {"none" | "h"} flip
 * @property {0 | 90 | 180 | 270} rotate
 * @property {boolean} shutter
 * @property {PresentationWindow[]} windows
 * @property {PresentationArea[]} areas
 * @property {{name: string, order: number, colour: string | null}[]}
 *     graphic_layers
 * @property {PresentationAnnotation[]} annotations
 *
 * @typedef {PresentationName & PresentationParts} Presentation
 *
 * @typedef {object} PartInfo
 * @property {number} part
 * @property {number} layers
 * @property {number} rows
 * @property {number} columns
 * @property {string} description
 * @property {{top: string, right: string, bottom: string, left: string}}
 *     orientation
 * @property {string} first_instance
 *
 * @typedef {object} LayerInfo
 * @property {number} layer
 * @property {string} instance
 * @property {number} frame
 * @property {number} rows
 * @property {number} columns
 * @property {number[] | null} [position]
 * @property {[number, number] | null} [spacing]  where it is not the stack's
 * @property {Region[]} [regions]  the same
 * @property {WindowSetting | null} [window]
 * @property {number[] | null} [orientation]
 * @property {string[] | null} [letters]  top, right, bottom, left at rest
 */

/**
 * @template T
 * @typedef {{items: T[], next: string | null}} Page
 */

export {};
