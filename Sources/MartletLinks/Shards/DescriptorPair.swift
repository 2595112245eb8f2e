#if os(Linux)
  import CMartletSystem
  import SystemPackage

  /// Two descriptors of which one is ready, as one.
  package struct DescriptorPair: ~Copyable {
    package let both: FileDescriptor
    private var device: FileDescriptor?
    private var isWatched = false

    package init(_ device: FileDescriptor?, _ wakeup: FileDescriptor) throws(LinkError) {
      let fd = martlet_epoll_open()
      guard fd >= 0 else { throw LinkError(failed: "cannot make an epoll set", Errno(rawValue: -fd)) }
      let both = FileDescriptor(rawValue: fd)
      do throws(LinkError) {
        try Self.watch(wakeup, in: both, 0, writing: false)
        if let device { try Self.watch(device, in: both, 0, writing: false) }
      } catch {
        try? both.close()
        throw error
      }
      self.both = both
      self.device = device
    }

    deinit { try? both.close() }

    /// The device's descriptor is another one from here on, or still the same. The last may be closed already.
    package mutating func follow(_ next: FileDescriptor?) throws(LinkError) {
      guard next != device else { return }
      if let device { martlet_epoll_forget(both.rawValue, device.rawValue) }
      device = nil
      isWatched = false
      guard let next else { return }
      try Self.watch(next, in: both, 0, writing: false)
      device = next
    }

    /// Whether it is ready, too, when the device has room again.
    package mutating func watchForRoom(_ watches: Bool) throws(LinkError) {
      guard let device, watches != isWatched else { return }
      isWatched = watches
      try Self.watch(device, in: both, 1, writing: watches)
    }

    private static func watch(
      _ descriptor: FileDescriptor, in set: FileDescriptor, _ change: Int32, writing: Bool
    ) throws(LinkError) {
      let result = martlet_epoll_watch(set.rawValue, change, descriptor.rawValue, writing ? 1 : 0, 0)
      guard result < 0 else { return }
      throw LinkError(failed: "cannot wait for a device", Errno(rawValue: -result))
    }
  }
#endif
