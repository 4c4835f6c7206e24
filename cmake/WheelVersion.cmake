# wheel_version(NAME FOLDER PROJECT_FILE RESULT): the version of the Python wheel that the folder belongs to, without its
# local part. It must be the one that pyproject.toml requires, or pip would install another one than the programs are
# linked with.
function(wheel_version name folder project_file result)
  file(GLOB _metadata ${folder}/../${name}-*.dist-info)
  if(NOT _metadata MATCHES "/${name}-([0-9][^-+/;]*)(\\+[^-/;]*)?\\.dist-info$")
    message(FATAL_ERROR "${folder}: not the one of a Python wheel, which a wheel of armorm needs: run scripts/setup.sh, "
                        "or 'pip install --no-build-isolation .' in an environment that has ${name}")
  endif()
  set(_found ${CMAKE_MATCH_1})
  file(READ ${project_file} _project)
  if(NOT _project MATCHES "\"${name}==([^\"]+)\"")
    message(FATAL_ERROR "pyproject.toml: no dependency \"${name}==VERSION\"")
  endif()
  if(NOT _found VERSION_EQUAL CMAKE_MATCH_1)
    message(FATAL_ERROR "pyproject.toml: armorm requires ${name} ${CMAKE_MATCH_1}, but the build found ${name} ${_found} in "
                        "${folder}: install ${name}==${CMAKE_MATCH_1} there, or change the version in pyproject.toml")
  endif()
  set(${result} ${_found} PARENT_SCOPE)
endfunction()
