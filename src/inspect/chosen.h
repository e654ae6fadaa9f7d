// What an index chose by itself, and by what rule.
#pragma once
#include "store/storage.h"
#include "core/page/calibration_page.h"

namespace vectorq {

// A line for each option that was left to the index: "name = value: rule".
char* describe_chosen(Relation index, const MetaPage* meta, const Calibration* calibration);

}  // namespace vectorq
