package AuditMessage;

# A record of the audit trail as an audit message of DICOM PS3.15 A.5 (RFC
# 3881), in JSON: the names of its elements and attributes, codes of PS3.16.

use strict;
use warnings;

use POSIX ();

# event or its last word => [EventID, EventActionCode, EventTypeCode]
my %EVENTS = (
    'login'                => [110114, 'E', 110122],
    'renewal'              => [110114, 'E', 110122],
    'password'             => [110137, 'U'],
    'server-start'         => [110100, 'E', 110120],
    'configuration-reload' => [110113, 'E', 110131],
    'refused'              => [110113, 'E', 110127],
    'break-glass'          => [110113, 'E', 110127],
    'audit-read'           => [110101, 'R'],
    'instance-read'        => [110104, 'R'],
    'instance-store'       => [110104, 'C'],
    'series-open'          => [110103, 'R'],
    'study-delete'         => [110105, 'D'],
    'series-delete'        => [110105, 'D'],
    'list'                 => [110112, 'E'],
    'read'                 => [110110, 'R'],
    'create'               => [110110, 'C'],
    'change'               => [110110, 'U'],
    'deactivate'           => [110110, 'D'],
);

my %MEANINGS = (
    110100 => 'Application Activity', 110101 => 'Audit Log Used',
    110103 => 'DICOM Instances Accessed',
    110104 => 'DICOM Instances Transferred', 110105 => 'DICOM Study Deleted',
    110110 => 'Patient Record', 110112 => 'Query', 110113 => 'Security Alert',
    110114 => 'User Authentication', 110120 => 'Application Start',
    110122 => 'Login', 110127 => 'Emergency Override Started',
    110131 => 'Software Configuration',
    110137 => 'User Security Attributes Changed',
);


# The message of a record: the columns of the table audit, and ms.
sub message {
    my ($record) = @_;

    my $event = $record->{event};
    my ($id, $action, $type) = @{$EVENTS{$event}
        || $EVENTS{($event =~ /(\w+)\z/)[0]} || [110110, 'E']};
    $type = 110136 if $event eq 'refused';

    my %message = (
        EventIdentification => {
            EventID => code($id),
            EventActionCode => $action,
            EventDateTime => POSIX::strftime('%Y-%m-%dT%H:%M:%S',
                gmtime(int($record->{ms} / 1000)))
                . sprintf('.%03dZ', $record->{ms} % 1000),
            EventOutcomeIndicator => $record->{outcome} eq 'success' ? 0 : 4,
            EventTypeCode => [
                $type ? code($type) : (),
                { code => $event, codeSystemName => 'dicom-rendering' }],
        },
        ActiveParticipant => [{
            UserID => $record->{user_id} // $record->{user_name},
            UserName => $record->{user_name},
            UserIsRequestor => JSON::PP::true,
            RoleIDCode => [map { { code => $_,
                codeSystemName => 'dicom-rendering' } }
                split / /, $record->{roles}],
            $record->{address} ne '' ? (
                NetworkAccessPointID => $record->{address},
                NetworkAccessPointTypeCode => 2) : (),
        }],
        AuditSourceIdentification => {
            AuditSourceID => $record->{server},
            AuditSourceTypeCode => 4,
        },
        ParticipantObjectIdentification => [objects($record)],
        AuditRecordID => $record->{id},
    );

    return \%message;
}


sub objects {
    my ($record) = @_;

    my @objects;
    push @objects, {
        ParticipantObjectTypeCode => 1,
        ParticipantObjectTypeCodeRole => 1,
        ParticipantObjectIDTypeCode => { code => '2',
            codeSystemName => 'RFC-3881', originalText => 'Patient Number' },
        ParticipantObjectID => $record->{patient},
    } if $record->{patient} ne '';

    my $uid = $record->{object} =~ /^[0-9]+(?:\.[0-9]+)+\z/;
    push @objects, {
        ParticipantObjectTypeCode => 2,
        ParticipantObjectTypeCodeRole => $uid ? 3 : 4,
        ParticipantObjectIDTypeCode => $uid ? { code => '110180',
            codeSystemName => 'DCM', originalText => 'Study Instance UID' }
            : { code => '12', codeSystemName => 'RFC-3881',
                originalText => 'URI' },
        ParticipantObjectID => $record->{object},
        $record->{detail} ne ''
            ? (ParticipantObjectDetail => [{ type => 'detail',
                value => $record->{detail} }]) : (),
    } if $record->{object} ne '' || $record->{detail} ne '';

    return @objects;
}


sub code {
    my ($code) = @_;
    return { code => "$code", codeSystemName => 'DCM',
        originalText => $MEANINGS{$code} // 'Security Alert' };
}

1;
