// Never compiled where Martlet is tested: what is here is small, and all else of such a link is `DescriptorLink`.
#if os(macOS)
  import CMartletSystem
  import SystemPackage

  extension DescriptorLink {
    /// Makes a utun device. Its addresses and routes are for the caller to set (`ifconfig`, `route`), who must be root.
    ///
    /// - Parameter unit: the number in its name; nil: the first that is free.
    public static func utun(unit: Int? = nil, mtu: Int = 1500) throws(LinkError) -> DescriptorLink {
      guard unit.map({ (0..<Int(Int32.max)).contains($0) }) ?? true else {
        throw LinkError(.badName, "There is no utun device of that number. Choose another, or none.")
      }
      var name = [CChar](repeating: 0, count: Int(MARTLET_UTUN_NAME_SIZE))
      let fd = martlet_utun_open(UInt32(unit.map { $0 + 1 } ?? 0), &name)
      guard fd >= 0 else {
        let errno = Errno(rawValue: -fd)
        if errno == .notPermitted || errno == .permissionDenied {
          throw LinkError(.noPermission, errno: errno, "No permission to make a utun device. Run as root.")
        }
        if errno == .resourceBusy {
          throw LinkError(
            .deviceBusy, errno: errno, "That utun device is in use. Choose another number, or none.")
        }
        throw LinkError(failed: "cannot make a utun device", errno)
      }
      let text = String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
      return try DescriptorLink(
        taking: FileDescriptor(rawValue: fd), name: text, mtu: mtu, carrying: .ipBehindFamily)
    }
  }
#endif
