// See calibration_store.h.
#include "store/calibration_store.h"

#include "core/calibrate/ladder.h"
#include "pg/page_change.h"
#include "store/regions.h"

namespace vectorq {

static_assert(PayloadBytes(BLCKSZ) >= sizeof(Calibration));

static uint32 calibration_crc(const Calibration* calibration) {
    return crc_of(calibration, offsetof(Calibration, crc));
}

void set_calibration_crc(Calibration* calibration) {
    calibration->version = kCalibrationVersion;
    calibration->crc = calibration_crc(calibration);
}

const char* calibration_problem(const Calibration* calibration, const MetaPage* meta) {
    if (calibration->crc != calibration_crc(calibration)) return "calibration has a wrong checksum";
    return CalibrationProblem(*calibration, meta->lists);
}

void read_calibration(Relation index, const MetaPage* meta, Calibration* calibration) {
    read_region(index, &meta->calibration, PageKind::kCalibration, 0, 0, sizeof(Calibration), calibration);
    const char* problem = calibration_problem(calibration, meta);
    if (unlikely(problem != NULL)) report_corruption(index, meta->calibration.start, problem);
}

Region append_calibration(PageSink* sink) {
    Calibration none;
    memset(&none, 0, sizeof(none));
    set_calibration_crc(&none);
    return append_region(sink, PageKind::kCalibration, 0, &none, sizeof(none));
}

void put_calibration(PageSink* sink, Calibration* calibration, MetaPage* meta) {
    calibration->trained = TypicalRung(*calibration);
    set_calibration_crc(calibration);
    put_region(sink, &meta->calibration, PageKind::kCalibration, 0, calibration);
    meta->calibration_id = calibration->crc;
}

void update_calibration(Relation index, Calibration* calibration) {
    Buffer meta_buffer = read_page(index, 0, PageKind::kMeta, 0, 0, BUFFER_LOCK_EXCLUSIVE);
    const BlockNumber block = meta_on(BufferGetPage(meta_buffer))->calibration.start;
    Buffer buffer = read_page(index, block, PageKind::kCalibration, 0, 0, BUFFER_LOCK_EXCLUSIVE);
    calibration->trained = reinterpret_cast<Calibration*>(page_payload(BufferGetPage(buffer)))->trained;
    if (calibration->trained.nprobe == 0 && calibration->source == kCalibratedByRows)
        calibration->trained = TypicalRung(*calibration);
    set_calibration_crc(calibration);
    PageChange change = begin_change(index, "calibration");
    MetaPage* meta = meta_on(change_page(&change, meta_buffer));
    memcpy(page_payload(change_page(&change, buffer)), calibration, sizeof(*calibration));
    meta->calibration_id = calibration->crc;
    set_meta_crc(meta);
    finish_change(&change);
}

}  // namespace vectorq
