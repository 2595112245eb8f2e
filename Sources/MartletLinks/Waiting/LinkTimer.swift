import CMartletSystem
import SystemPackage

/// A descriptor that becomes readable after a time. Elsewhere than on Linux there is none: whoever has it is looked at once in
/// a while.
struct LinkTimer: ~Copyable {
  let descriptor: FileDescriptor?

  init() throws(LinkError) {
    #if os(Linux)
      let fd = martlet_timer_open()
      guard fd >= 0 else { throw LinkError(failed: "cannot make a timer", Errno(rawValue: -fd)) }
      descriptor = FileDescriptor(rawValue: fd)
    #else
      descriptor = nil
    #endif
  }

  deinit { try? descriptor?.close() }

  /// Nanoseconds from now; 0: never.
  func set(_ time: Int64) {
    #if os(Linux)
      if let descriptor { martlet_timer_set(descriptor.rawValue, time) }
    #endif
  }
}
