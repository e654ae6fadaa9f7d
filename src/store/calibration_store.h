// The calibration page of an index (core/page/calibration_page.h): reading, making and changing it.
#pragma once
#include "core/page/calibration_page.h"
#include "store/meta.h"
#include "store/page_sink.h"

namespace vectorq {

// Reads and checks it. Raises ERRCODE_INDEX_CORRUPTED on any doubt.
void read_calibration(Relation index, const MetaPage* meta, Calibration* calibration);
// Why the bytes cannot be a calibration of this index; NULL if they can.
const char* calibration_problem(const Calibration* calibration, const MetaPage* meta);

// Sets its crc, which the functions below want set.
void set_calibration_crc(Calibration* calibration);
// A page of an index that is not calibrated, to which nobody is led yet; and the first calibration after training put
// into it, of which the meta page given is told.
Region append_calibration(PageSink* sink);
void put_calibration(PageSink* sink, Calibration* calibration, MetaPage* meta);

// Replaces the calibration of a live index by another, WAL-logged in one record with the meta page. What a query took
// when the index was trained stays, and is the first calibration's by rows; sets that and the crc. Takes the meta
// page's lock, then that of the calibration page.
void update_calibration(Relation index, Calibration* calibration);

}  // namespace vectorq
