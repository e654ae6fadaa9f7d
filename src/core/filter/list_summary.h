// What the rows of a list have in common in its key columns (KeySummary): made of packed rows
// (core/page/key_columns.h), asked whether a row that satisfies conditions could be among them.
//
// `summary` points to a KeySummaryHead with its KeySummary of each column behind it, KeySummaryBytes() in all, which
// need not be aligned.
#pragma once
#include <cstdint>

#include "core/filter/key_condition.h"

namespace vectorq {

// Of no row.
void InitSummary(const KeyColumns& keys, char* summary) noexcept;
// Whether the summary is right with the row added to the list.
bool Covers(const KeyColumns& keys, const char* summary, const char* packed) noexcept;
// Makes it so.
void Widen(const KeyColumns& keys, char* summary, const char* packed) noexcept;
// False: no row of the list satisfies all conditions.
bool MayMatch(const KeyColumns& keys, const char* summary, const KeyCondition* conditions, uint32_t n) noexcept;

}  // namespace vectorq
