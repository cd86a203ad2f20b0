"""The staff-access log: grants of access by our own staff, and what was read under them.

    audit staff grant -> a second person: audit staff approve -> `staff-grants` -> the service it opens -> StaffAccess on `audit` -> here

None of it is an entry of the audit log: none of its fourteen types is about our staff. Rows are added, never changed but for the id of the
leaf that the sealer gives each (`audit.log.making`). Not for: reading anything under a grant (that is `runtime.staff`, in the service that
the grant opens).
"""
