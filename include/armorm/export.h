// Marks the symbols that libarmorm exports; all others are hidden.
#pragma once

#define ARMORM_API __attribute__((visibility("default")))
