#!/usr/bin/perl

# A client of strangers, dicomweb-client with pydicom: stores, searches,
# retrieves, and finds what it stored.

use strict;
use warnings;

use Test::More;

use lib 't/lib';
use Test::Dicom;

my $VERSION = '0.61.2';

my $t = Test::Dicom->new();
my $python = client() or $t->skip_all("SKIPPED: dicomweb-client $VERSION "
    . 'cannot be had from PyPI (python3 -m venv, pip)');

$t->start_postgres();
$t->seed_demo();
$t->start_worker();
$t->start_nginx();

$t->write_file('client.py', do { local $/; <DATA> });

my $token = $t->login('physician');
open my $pipe, '-|', $python, $t->path('client.py'), $t->url('node')
    . '/dicom-web', $token or die "$python: $!";
my @lines = <$pipe>;
close $pipe;

my $ended = 0;
for my $line (@lines) {
    chomp $line;
    if ($line =~ /^ok (.*)/) {
        pass($1);
    } elsif ($line =~ /^not ok (.*)/) {
        fail($1);
    } elsif ($line eq 'end') {
        $ended = 1;
    } else {
        diag($line);
    }
}
ok($ended, 'the client came to its end');

$t->finish();


# Python with the client, installed once below the build folder.
sub client {
    my $venv = $t->top . '/.build/dicomweb-client-' . $VERSION;
    my $program = "$venv/bin/python3";

    if (!-e "$venv/.complete") {
        system("rm -rf '$venv'; python3 -m venv '$venv' >/dev/null 2>&1"
            . " && '$venv/bin/pip' install -q --disable-pip-version-check"
            . " dicomweb-client==$VERSION >/dev/null 2>&1"
            . " && touch '$venv/.complete'") == 0 or return;
    }
    return $program;
}

__DATA__
import io
import sys
import traceback

import numpy
import pydicom
from dicomweb_client.api import DICOMwebClient
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RLELossless, generate_uid

url, token = sys.argv[1:]
client = DICOMwebClient(url, headers={'Authorization': 'Bearer ' + token})
study, series = generate_uid(), generate_uid()


def check(good, what):
    print(('ok ' if good else 'not ok ') + what)


def make(number, frames=1):
    d = Dataset()
    d.preamble = bytes(128)
    d.file_meta = FileMetaDataset()
    d.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    d.SOPClassUID = '1.2.840.10008.5.1.4.1.1.7'
    d.SOPInstanceUID = generate_uid()
    d.file_meta.MediaStorageSOPClassUID = d.SOPClassUID
    d.file_meta.MediaStorageSOPInstanceUID = d.SOPInstanceUID
    d.StudyInstanceUID, d.SeriesInstanceUID = study, series
    d.SpecificCharacterSet = 'ISO_IR 192'
    d.PatientName, d.PatientID = 'Nov\u00e1k^Jan=\u5c71', 'P-1'
    d.StudyDate, d.StudyTime, d.Modality = '20260102', '101112', 'OT'
    d.InstanceNumber, d.SeriesNumber = number, 1
    d.Rows, d.Columns, d.SamplesPerPixel = 8, 16, 1
    d.BitsAllocated, d.BitsStored, d.HighBit = 16, 12, 11
    d.PixelRepresentation, d.PhotometricInterpretation = 0, 'MONOCHROME2'
    d.WindowCenter, d.WindowWidth = [40, 50.5], [400, 500]
    d.PixelSpacing = ['0.50', '0.25']
    d.ReferencedImageSequence = [Dataset(), Dataset()]
    for i, item in enumerate(d.ReferencedImageSequence):
        item.ReferencedSOPInstanceUID = '1.2.' + str(i)
    if frames > 1:
        d.NumberOfFrames = frames
    d.PixelData = numpy.arange(frames * 128, dtype='<u2').tobytes()
    d['PixelData'].VR = 'OW'
    return d


def main():
    sets = [make(1), make(2, 3), make(3)]
    sets[2].compress(RLELossless)
    uids = [d.SOPInstanceUID for d in sets]
    answer = client.store_instances(sets)
    check(len(answer.ReferencedSOPSequence) == 3
          and 'FailedSOPSequence' not in answer, 'three instances are stored')
    answer = client.store_instances(sets[:1], study_instance_uid=study)
    check(len(answer.ReferencedSOPSequence) == 1, 'one again, for its study')

    found = client.search_for_studies(search_filters={'PatientID': 'P-1'})
    check([f['0020000D']['Value'][0] for f in found] == [study], 'a study')
    check(Dataset.from_json(found[0]).PatientName.family_name == 'Nov\u00e1k',
          'is its patient\'s')
    check(len(client.search_for_studies(
        search_filters={'PatientName': 'nov*'}, fuzzymatching=True)) == 1,
        'by name')
    check(client.search_for_studies(search_filters={'PatientID': 'P-9'}) == [],
          'none')
    check(len(client.search_for_series(study)) == 1, 'series of a study')
    check(len(client.search_for_series()) == 1, 'all series')
    check(len(client.search_for_instances(study, series)) == 3,
          'instances of a series')
    check(len(client.search_for_instances(study)) == 3, 'of a study')
    check(len(client.search_for_instances(limit=2)) == 2, 'all instances')

    for name, got in (
            ('study', client.retrieve_study(study)),
            ('series', client.retrieve_series(study, series))):
        check([d.SOPInstanceUID for d in got] == uids, 'a ' + name)
    got = client.retrieve_instance(study, series, uids[0])
    check(got.PixelData == sets[0].PixelData, 'an instance')
    check(len(list(client.iter_series(study, series))) == 3, 'one by one')

    metadata = client.retrieve_series_metadata(study, series)
    check(len(metadata) == 3 and
          len(client.retrieve_study_metadata(study)) == 3, 'metadata')
    one = client.retrieve_instance_metadata(study, series, uids[0])
    uri = one['7FE00010']['BulkDataURI']
    check(client.retrieve_bulkdata(uri)[0] == sets[0].PixelData, 'bulk data')
    d = Dataset.from_json({k: v for k, v in one.items() if k != '7FE00010'})
    for element in sets[0]:
        if element.tag != 0x7fe00010:
            check(d[element.tag] == element, 'metadata: ' + element.keyword)

    frames = client.retrieve_instance_frames(study, series, uids[1], [1, 3])
    check(frames == [sets[1].PixelData[:256], sets[1].PixelData[512:]],
          'frames')
    frames = client.retrieve_instance_frames(
        study, series, uids[2], [1],
        media_types=(('application/octet-stream', '1.2.840.10008.1.2.1'),))
    check(frames[0] == sets[0].PixelData, 'a frame, decoded')
    frames = client.retrieve_instance_frames(
        study, series, uids[2], [1],
        media_types=(('image/dicom-rle', '1.2.840.10008.1.2.5'),))
    check(frames[0] in sets[2].PixelData, 'a frame, as it is stored')

    picture = client.retrieve_instance_rendered(
        study, series, uids[0], media_types=('image/png',),
        params={'viewport': '32,32'})
    check(picture[:8] == b'\x89PNG\r\n\x1a\n', 'a picture')
    picture = client.retrieve_instance_frames_rendered(
        study, series, uids[1], [2], media_types=('image/jpeg',))
    check(picture[:2] == b'\xff\xd8', 'of a frame')


try:
    main()
    print('end')
except Exception:
    traceback.print_exc(file=sys.stdout)
