// Precompiled header for every source of armorm_torch.
#pragma once

#include <ATen/ATen.h>
#include <fmt/core.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>
