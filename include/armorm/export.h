// Marks what libarmorm exports. All else in it is hidden.
#pragma once

#define ARMORM_API __attribute__((visibility("default")))
