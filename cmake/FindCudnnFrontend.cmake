# Finds the headers of cuDNN and of its C++ front end, with which packed attention on GPUs is built: the user's own on
# CMAKE_PREFIX_PATH, those of .deps, or the ones that scripts/setup.sh downloads; cudnn.h also beside LibTorch's wheel.
# No library is linked: the libcudnn is the one that LibTorch has loaded.
#
# Defines the target CudnnFrontend::headers, and CudnnFrontend_LICENSE where there is the file.
set(CudnnFrontend_MADE_FOR 9.19)  # versions of cuDNN and of the front end that go together
set(CudnnFrontend_VERSION_WANTED 1.19)

find_path(CudnnFrontend_INCLUDE_DIR cudnn_frontend.h HINTS ${ARMORM_DEPS}/cudnn-frontend/include)
find_path(Cudnn_INCLUDE_DIR cudnn.h HINTS ${LibTorch_PREFIX}/../nvidia/cudnn/include ${LibTorch_PREFIX}/include)

# "#define <macro> <number>" of a header
function(read_number file macro result)
  set(${result} "" PARENT_SCOPE)
  if(EXISTS ${file})
    file(STRINGS ${file} _line REGEX "^#define ${macro} +[0-9]+")
    string(REGEX REPLACE "^#define ${macro} +([0-9]+).*" "\\1" _number "${_line}")
    set(${result} "${_number}" PARENT_SCOPE)
  endif()
endfunction()
read_number(${CudnnFrontend_INCLUDE_DIR}/cudnn_frontend_version.h CUDNN_FRONTEND_MAJOR_VERSION _major)
read_number(${CudnnFrontend_INCLUDE_DIR}/cudnn_frontend_version.h CUDNN_FRONTEND_MINOR_VERSION _minor)
read_number(${Cudnn_INCLUDE_DIR}/cudnn_version.h CUDNN_MAJOR _cudnn_major)
read_number(${Cudnn_INCLUDE_DIR}/cudnn_version.h CUDNN_MINOR _cudnn_minor)

set(CudnnFrontend_FOUND FALSE)
if(NOT CudnnFrontend_INCLUDE_DIR)
  set(CudnnFrontend_WHY_NOT "its front end is not there; scripts/setup.sh downloads it")
elseif(NOT Cudnn_INCLUDE_DIR)
  set(CudnnFrontend_WHY_NOT "cudnn.h is not there; LibTorch's wheel brings it, in nvidia/cudnn/include")
elseif(NOT "${_major}.${_minor}" STREQUAL CudnnFrontend_VERSION_WANTED)
  set(CudnnFrontend_WHY_NOT "its front end is ${_major}.${_minor}, and this needs ${CudnnFrontend_VERSION_WANTED}")
elseif(NOT "${_cudnn_major}.${_cudnn_minor}" STREQUAL CudnnFrontend_MADE_FOR)
  set(CudnnFrontend_WHY_NOT "its headers are ${_cudnn_major}.${_cudnn_minor}, and this needs ${CudnnFrontend_MADE_FOR}")
else()
  set(CudnnFrontend_FOUND TRUE)
  find_file(CudnnFrontend_LICENSE cudnn-frontend-LICENSE.txt PATHS ${CudnnFrontend_INCLUDE_DIR} NO_DEFAULT_PATH)
  if(NOT TARGET CudnnFrontend::headers)
    add_library(CudnnFrontend::headers INTERFACE IMPORTED)
    set_target_properties(
      CudnnFrontend::headers PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${CudnnFrontend_INCLUDE_DIR};${Cudnn_INCLUDE_DIR}"
      INTERFACE_COMPILE_DEFINITIONS "NV_CUDNN_FRONTEND_USE_DYNAMIC_LOADING;CUDNN_FRONTEND_SKIP_JSON_LIB")
  endif()
endif()
