//! Where to compute.

use std::{ffi::CString, fmt, fs, path::PathBuf, str::FromStr};

use tch::{Cuda, Device};

use super::error::ModelError;

/// What `--device` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The first GPU if there is one, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// The GPU with this number.
    Cuda(usize),
}

impl FromStr for DeviceChoice {
    type Err = ModelError;

    fn from_str(text: &str) -> Result<Self, ModelError> {
        let number = text.strip_prefix("cuda:").and_then(|number| number.parse().ok());
        match (text, number) {
            ("auto", _) => Ok(Self::Auto),
            ("cpu", _) => Ok(Self::Cpu),
            ("cuda", _) => Ok(Self::Cuda(0)),
            (_, Some(number)) => Ok(Self::Cuda(number)),
            _ => Err(ModelError::Device {
                device: text.to_owned(),
                why: "wanted is auto, cpu, cuda or cuda:NUMBER".to_owned(),
            }),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

/// Finds the device. Call it before anything else is asked of libtorch: the CUDA part of libtorch
/// can only be added before libtorch has looked for it.
///
/// # Errors
/// When a GPU was asked for by name and there is none.
pub fn open_device(choice: DeviceChoice) -> Result<Device, ModelError> {
    let wrong = |why: String| ModelError::Device { device: choice.to_string(), why };
    let number = match choice {
        DeviceChoice::Cpu => return Ok(Device::Cpu),
        DeviceChoice::Auto => 0,
        DeviceChoice::Cuda(number) => number,
    };
    let added = add_cuda();
    let devices = Cuda::device_count();
    let found = usize::try_from(devices).unwrap_or(0);
    if number < found {
        return Ok(Device::Cuda(number));
    }
    match (choice, added) {
        (DeviceChoice::Auto, _) => Ok(Device::Cpu),
        (_, Err(why)) => Err(wrong(why)),
        (_, Ok(())) => Err(wrong(format!("there are {found} CUDA devices"))),
    }
}

/// The instructions of the CPU by which libtorch, and kledger, choose how they compute.
#[must_use]
pub fn kernels() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::is_x86_feature_detected as has;
        if has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl") {
            return "avx512";
        }
        if has!("avx2") && has!("fma") { "avx2" } else { "sse2" }
    }
    #[cfg(not(target_arch = "x86_64"))]
    std::env::consts::ARCH
}

/// Version of the libtorch in use, as it says itself; else that of its interface.
#[must_use]
pub fn libtorch_version() -> String {
    const INTERFACE: &str = "2.11";
    let stated = || {
        let library = loaded("libtorch_cpu.so")?;
        let dir = library.parent()?.parent()?;
        // A library by itself has the one, a Python package the other.
        if let Ok(text) = fs::read_to_string(dir.join("build-version")) {
            return Some(text.trim().to_owned());
        }
        let text = fs::read_to_string(dir.join("version.py")).ok()?;
        let line = text.lines().find_map(|line| line.strip_prefix("__version__ = "))?;
        Some(line.trim_matches(['\'', '"']).to_owned())
    };
    stated().unwrap_or_else(|| INTERFACE.to_owned())
}

/// Memory that is free where `device` computes, in bytes, if it can be told.
#[must_use]
pub fn free_memory(device: Device) -> Option<usize> {
    match device {
        Device::Cpu => free_main_memory(),
        Device::Cuda(_) => free_cuda_memory(),
        _ => None,
    }
}

/// What the kernel would give to a process, or what is left of a container's limit.
fn free_main_memory() -> Option<usize> {
    let meminfo = fs::read_to_string("/proc/meminfo").ok()?;
    let available = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let available: usize = available.trim().strip_suffix("kB")?.trim().parse().ok()?;
    let number = |file: &str| -> Option<usize> {
        fs::read_to_string(format!("/sys/fs/cgroup/{file}")).ok()?.trim().parse().ok()
    };
    let limit = || Some(number("memory.max")?.saturating_sub(number("memory.current")?));
    Some((available * 1024).min(limit().unwrap_or(usize::MAX)))
}

/// What the CUDA runtime in use says of its current device.
#[expect(unsafe_code, reason = "tch does not pass this question on")]
fn free_cuda_memory() -> Option<usize> {
    type MemGetInfo = unsafe extern "C" fn(*mut usize, *mut usize) -> libc::c_int;
    let (mut free, mut total) = (0, 0);
    // SAFETY: the name is that of a function of this signature in every CUDA runtime; it writes two
    // numbers, which live through the call, and returns 0 if it did.
    unsafe {
        let found = libc::dlsym(libc::RTLD_DEFAULT, c"cudaMemGetInfo".as_ptr());
        if found.is_null() {
            return None;
        }
        let get_info: MemGetInfo = std::mem::transmute(found);
        (get_info(&raw mut free, &raw mut total) == 0).then_some(free)
    }
}

/// Loads `libtorch_cuda.so` from beside the `libtorch_cpu.so` in use. Its initialisers register the
/// CUDA backend, so a program that was linked to the CPU libraries only runs on both.
fn add_cuda() -> Result<(), String> {
    let cpu = loaded("libtorch_cpu.so").ok_or("cannot tell which libtorch is in use")?;
    let cuda = cpu.with_file_name("libtorch_cuda.so");
    if !cuda.is_file() {
        let dir = cpu.parent().unwrap_or(&cpu).display();
        return Err(format!("the libtorch in {dir} is for the CPU only (no libtorch_cuda.so)"));
    }
    let path = CString::new(cuda.into_os_string().into_encoded_bytes())
        .map_err(|error| error.to_string())?;
    load(&path)
}

/// The file that a loaded library came from.
fn loaded(name: &str) -> Option<PathBuf> {
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    let paths = maps.lines().filter_map(|line| line.find('/').map(|at| PathBuf::from(&line[at..])));
    paths.into_iter().find(|path| path.file_name().is_some_and(|file| file == name))
}

#[expect(
    unsafe_code,
    reason = "adding a library to the running program is only possible through C"
)]
fn load(path: &CString) -> Result<(), String> {
    // SAFETY: both strings live through the calls; the library is libtorch's own and belongs to the
    // libtorch_cpu.so that runs already; it is never closed, so nothing of it can dangle. `dlerror`
    // returns null or a string that stands until this thread's next call into the loader.
    unsafe {
        if !libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL).is_null() {
            return Ok(());
        }
        let message = libc::dlerror();
        if message.is_null() {
            return Err(format!("cannot load {}", path.to_string_lossy()));
        }
        Err(std::ffi::CStr::from_ptr(message).to_string_lossy().into_owned())
    }
}
