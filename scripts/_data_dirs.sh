# Sourced by the scripts beside it: a checkout keeps what it makes to itself, in .slot-data, also when root runs it.
# shellcheck shell=bash
export SLOT_DATA_DIR=${SLOT_DATA_DIR:-$checkout/.slot-data}
export SLOT_RUN_DIR=${SLOT_RUN_DIR:-$checkout/.slot-data/run}
export SLOT_ACTIVE_PROFILE=${SLOT_ACTIVE_PROFILE:-$SLOT_RUN_DIR/current.env}
