// The fields of config.json that do not enter the arithmetic: those that would change it, which are refused,
// those known not to matter, and those of which neither is known. Checked with transformers 5.23.
#pragma once

#include "model/architecture.h"
#include "model/config_reader.h"

namespace armorm::model {

// data error that names a field whose value asks for arithmetic that is not supported, or that transformers
// does not accept.
void refuse_fields(const ConfigReader& reader, const ArchitectureFacts& facts);

// data error for a field that names the weight file; of the outermost object.
void refuse_other_weights(const ConfigReader& reader);

// data error that names a field whose value is null, which is none there.
void refuse_null_fields(const ConfigReader& reader, const ArchitectureFacts& facts);

// Those of the images beside the configuration of a decoder.
void ignore_image_fields(const ConfigReader& reader);

// For a reader whose other fields were read: one warning that names the fields that are not known.
void warn_of_unknown_fields(const ConfigReader& reader, const ArchitectureFacts& facts);

}  // namespace armorm::model
