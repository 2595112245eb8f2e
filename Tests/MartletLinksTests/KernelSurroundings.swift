import MartletLinks
import MartletStack
import MartletTCP
import MartletWire
import SystemPackage
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// What these tests need of the machine. All devices live in namespaces that the tests make.
enum Machine {
  /// Nil when TUN devices and namespaces can be made; else why not, for the log of a skipped test.
  static let obstacle: String? = {
    guard geteuid() == 0 else { return "needs root" }
    guard access("/dev/net/tun", R_OK | W_OK) == 0 else { return "needs /dev/net/tun" }
    do {
      _ = try NetworkNamespace.anonymous()
    } catch {
      return "needs network namespaces: \(error)"
    }
    return nil
  }()

  static var hasTUN: Bool { obstacle == nil }

  /// Waits until `descriptor` is readable, five seconds at most.
  static func wait(for descriptor: FileDescriptor?) -> Bool {
    guard let descriptor else { return false }
    var entry = pollfd(fd: descriptor.rawValue, events: Int16(POLLIN), revents: 0)
    return poll(&entry, 1, 5_000) == 1
  }

  /// `ioctl`, which Swift does not call: it has arguments of any number.
  static func control(_ descriptor: FileDescriptor?, _ request: UInt, _ argument: Int) -> Bool {
    typealias Control = @convention(c) (Int32, UInt, Int) -> Int32
    guard let descriptor, let symbol = dlsym(nil, "ioctl") else { return false }
    return unsafeBitCast(symbol, to: Control.self)(descriptor.rawValue, request, argument) == 0
  }

  /// Brings an interface of the calling thread's namespace up or down.
  static func setUp(_ isUp: Bool, _ name: String) -> Bool {
    // `ifreq`: sixteen octets of a name, and then flags, of which the lowest is IFF_UP.
    var request = Array(name.utf8) + [UInt8](repeating: 0, count: 40 - name.utf8.count)
    let socket = FileDescriptor(rawValue: socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0))
    defer { try? socket.close() }
    return request.withUnsafeMutableBytes { octets in
      let place = Int(bitPattern: octets.baseAddress)
      // SIOCGIFFLAGS, SIOCSIFFLAGS
      guard control(socket, 0x8913, place) else { return false }
      octets[16] = octets[16] & 0xfe | (isUp ? 1 : 0)
      return control(socket, 0x8914, place)
    }
  }
}

extension Trait where Self == ConditionTrait {
  static var needsTUN: Self {
    .enabled("\(Machine.obstacle ?? "TUN devices are there")") { Machine.hasTUN }
  }
}

func prefix(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8, _ length: UInt8) -> IPPrefix {
  IPPrefix(.v4(IPv4Address(a, b, c, d)), length: length)
}

/// The octets of a span.
func octets(_ span: RawSpan) -> [UInt8] { span.withUnsafeBytes { Array($0) } }

/// Writes octets to the start of a lent buffer.
func write(_ octets: [UInt8], _ buffer: inout MutableRawSpan) -> OutgoingPacket {
  for (i, octet) in octets.enumerated() { buffer.storeBytes(of: octet, toByteOffset: i, as: UInt8.self) }
  return OutgoingPacket(count: octets.count)
}
