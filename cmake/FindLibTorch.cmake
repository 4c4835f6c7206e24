# Finds LibTorch by its headers and libraries: the user's own (CMAKE_PREFIX_PATH, LibTorch_ROOT or Torch_DIR) is
# preferred to the wheel of scripts/setup.sh. On CMAKE_PREFIX_PATH it may be LibTorch's folder, its parent
# (site-packages), or the path of Python's torch.utils.cmake_prefix_path. Variables of the environment hold folders
# separated by colons. TorchConfig.cmake is not used: it fails without a CUDA toolkit, although linking the libraries
# needs none.
#
# Defines the target LibTorch::torch, and LibTorch_HAS_CUDA (false with ARMORM_CUDA off, whatever the LibTorch).
cmake_path(CONVERT "$ENV{LibTorch_ROOT}" TO_CMAKE_PATH_LIST _environment_root)
cmake_path(CONVERT "$ENV{CMAKE_PREFIX_PATH}" TO_CMAKE_PATH_LIST _environment_prefixes)
set(_hints ${LibTorch_ROOT} ${_environment_root})
if(Torch_DIR)
  list(APPEND _hints ${Torch_DIR}/../../..)
endif()
foreach(_prefix ${CMAKE_PREFIX_PATH} ${_environment_prefixes})
  if(_prefix MATCHES "/share/cmake/?$")
    list(APPEND _hints ${_prefix}/../..)
  endif()
endforeach()
find_path(LibTorch_PREFIX include/torch/csrc/api/include/torch/torch.h HINTS ${_hints}
          PATH_SUFFIXES torch libtorch)
if(NOT LibTorch_PREFIX)
  find_path(LibTorch_PREFIX include/torch/csrc/api/include/torch/torch.h
            PATHS ${ARMORM_PYTHON_SITE}/torch NO_DEFAULT_PATH)
endif()
if(LibTorch_PREFIX)
  foreach(_name torch torch_cpu c10)
    find_library(LibTorch_${_name}_LIBRARY ${_name} PATHS ${LibTorch_PREFIX}/lib NO_DEFAULT_PATH)
  endforeach()
  foreach(_name torch_cuda c10_cuda)
    find_library(LibTorch_${_name}_LIBRARY ${_name} PATHS ${LibTorch_PREFIX}/lib NO_DEFAULT_PATH)
  endforeach()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  LibTorch REQUIRED_VARS LibTorch_PREFIX LibTorch_torch_LIBRARY LibTorch_torch_cpu_LIBRARY LibTorch_c10_LIBRARY
  REASON_FAILURE_MESSAGE "run scripts/setup.sh, or point CMAKE_PREFIX_PATH at a LibTorch folder")

if(LibTorch_FOUND AND NOT TARGET LibTorch::torch)
  set(LibTorch_HAS_CUDA FALSE)
  if(ARMORM_CUDA AND LibTorch_torch_cuda_LIBRARY AND LibTorch_c10_cuda_LIBRARY)
    set(LibTorch_HAS_CUDA TRUE)
  endif()
  add_library(LibTorch::torch INTERFACE IMPORTED)
  set_target_properties(
    LibTorch::torch PROPERTIES INTERFACE_INCLUDE_DIRECTORIES
    "${LibTorch_PREFIX}/include;${LibTorch_PREFIX}/include/torch/csrc/api/include")
  set(_libs ${LibTorch_torch_cpu_LIBRARY} ${LibTorch_c10_LIBRARY})
  if(LibTorch_HAS_CUDA)
    # No symbol of these two is referenced; they register the CUDA kernels when they are loaded.
    list(APPEND _libs "-Wl,--no-as-needed" ${LibTorch_torch_cuda_LIBRARY} ${LibTorch_c10_cuda_LIBRARY}
         "-Wl,--as-needed")
  endif()
  target_link_libraries(LibTorch::torch INTERFACE ${_libs})
endif()
