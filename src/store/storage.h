// Everything of an index's pages, for those who use most of it.
#pragma once
#include "store/directory.h"
#include "store/extents.h"
#include "store/geometry.h"
#include "store/meta.h"
#include "store/regions.h"
#include "store/segments.h"
