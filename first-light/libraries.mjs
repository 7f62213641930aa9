// The environment in which the plugin finds NVIDIA's libraries: `cuda install`'s folder, pip's packages, any folder, or as the loader would.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

const names = (folder) => (existsSync(folder) ? readdirSync(folder) : [])
const holds = (folder) => names(folder).some((name) => /^lib(cudart|cudnn|cublasLt|nvrtc)\.so/.test(name))
const isInstalled = (folder) => existsSync(path.join(folder, 'installed.json'))

/** The folders of libraries in and under one: its own, lib, lib64, and those of pip's packages (nvidia/cudnn/lib, nvidia/cu13/lib, …). */
export function libraryFolders(folder) {
  const packages = [folder, path.join(folder, 'nvidia')].flatMap((each) =>
    names(each).map((name) => path.join(each, name)),
  )
  return [
    folder,
    path.join(folder, 'lib'),
    path.join(folder, 'lib64'),
    ...packages.map((each) => path.join(each, 'lib')),
  ]
    .filter((each, i, all) => all.indexOf(each) === i)
    .filter(holds)
}

/** What `cuda install` left in the user's cache, or where NODE_CUDNN_CUDA_DIR points. */
function installed(env) {
  const cache = path.join(env.XDG_CACHE_HOME || path.join(env.HOME || os.homedir(), '.cache'), 'node-cudnn')
  const folder = env.NODE_CUDNN_CUDA_DIR ?? cache
  return ['cuda-13', 'cuda-12'].some((name) => isInstalled(path.join(folder, name))) ? folder : undefined
}

/** Where a Python keeps pip's nvidia packages. */
function ofPython(python) {
  const script = "import nvidia; print('\\n'.join(nvidia.__path__))"
  const { status, stdout } = spawnSync(python, ['-c', script], {
    encoding: 'utf8',
    timeout: 10_000,
    killSignal: 'SIGKILL',
  })
  return status === 0 ? stdout.trim().split('\n') : []
}

/**
 * { settings, sentence }: variables to set, and what they lead to. `folder` is what the user named. Throws an Error where that holds no library.
 */
export function findLibraries({ folder, torch, env = process.env }) {
  const joined = (folders) => [...folders, env.LD_LIBRARY_PATH].filter(Boolean).join(':')
  const loader = (folders, whose) => ({
    // an installed folder would go before the path
    settings: { LD_LIBRARY_PATH: joined(folders), NODE_CUDNN_CUDA_DIR: '' },
    sentence: `${whose}: ${folders.join(', ')}`,
  })
  if (folder) {
    const given = path.resolve(folder)
    if (isInstalled(given)) {
      return { settings: { NODE_CUDNN_CUDA_DIR: path.dirname(given) }, sentence: `what cuda install put into ${given}` }
    }
    if (names(given).some((name) => isInstalled(path.join(given, name)))) {
      return { settings: { NODE_CUDNN_CUDA_DIR: given }, sentence: `what cuda install put into ${given}` }
    }
    const folders = libraryFolders(given)
    if (folders.length === 0) {
      throw new Error(
        `--cuda-libraries ${folder}: there is no libcudart, libcudnn or libcublasLt in it, its lib, or its nvidia/*/lib`,
      )
    }
    return loader(folders, 'as given')
  }
  const cache = installed(env)
  if (cache) return { settings: {}, sentence: `what cuda install put into ${cache}` }
  const folders = torch ? ofPython(torch).flatMap(libraryFolders) : []
  if (folders.length > 0) return loader(folders, `pip's packages of ${torch}`)
  return { settings: {}, sentence: "as the system's loader finds them" }
}
