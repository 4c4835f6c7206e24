// Names of tensors in weight files, and what wrappers of training programs add to them.
#pragma once

#include <string>
#include <string_view>

namespace armorm::model {

// The name without the prefixes of DataParallel (module.), TRL's models with a head (pretrained_model.), peft
// (base_model.model.), torch.compile (_orig_mod.) and FSDP (_fsdp_wrapped_module.,
// _checkpoint_wrapped_module.), and without what a model with images calls its decoder (language_model.).
// Tensors of the decoder begin with "model.", as in transformers' classes with a head.
std::string canonical_name(std::string_view stored);

bool is_of_decoder(std::string_view canonical);

// Known not to matter for hidden states: heads of language, reward and value models, encoders of images, and
// buffers that config.json determines.
bool is_known_unread(std::string_view canonical);

// An adapter that is not merged: the weights are not those of the model.
bool is_of_adapter(std::string_view stored);

}  // namespace armorm::model
