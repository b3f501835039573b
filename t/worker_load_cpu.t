#!/usr/bin/perl

# What worker_load.t says, of the renderer without OpenGL.

use strict;
use warnings;

our $renderer = 'cpu';
do './t/worker_load.t' or die $@ || $!;
