import SystemPackage

/// Why a device, an interface or a network namespace cannot be used, and what to do about it.
public struct LinkError: Error, Equatable, Sendable {
  /// The kind of failure. Not an enum, so that kinds can be added.
  public struct Code: Equatable, Hashable, Sendable {
    private enum Kind: Equatable, Hashable, Sendable {
      case noPermission, deviceBusy, noDevice, deviceGone, wrongDevice, badName, nameTooLong
      case unknownNamespace, namespaceExists, addressInUse, badAddress, badMTU, interfaceDown, unsupported
      case badCapture, failed
    }

    private let kind: Kind

    /// The process lacks a privilege.
    public static let noPermission = Code(kind: .noPermission)
    /// Another process is attached to the device.
    public static let deviceBusy = Code(kind: .deviceBusy)
    /// The system has no TUN driver.
    public static let noDevice = Code(kind: .noDevice)
    /// The device was there and has been removed.
    public static let deviceGone = Code(kind: .deviceGone)
    /// The name belongs to an interface of another type.
    public static let wrongDevice = Code(kind: .wrongDevice)
    public static let badName = Code(kind: .badName)
    public static let nameTooLong = Code(kind: .nameTooLong)
    public static let unknownNamespace = Code(kind: .unknownNamespace)
    public static let namespaceExists = Code(kind: .namespaceExists)
    /// The interface already has the address, or nothing is free in its prefix.
    public static let addressInUse = Code(kind: .addressInUse)
    public static let badAddress = Code(kind: .badAddress)
    public static let badMTU = Code(kind: .badMTU)
    /// The interface is there, and switched off.
    public static let interfaceDown = Code(kind: .interfaceDown)
    /// The kernel was built without, or is configured against, what is asked for.
    public static let unsupported = Code(kind: .unsupported)
    /// A file is no capture, or breaks off.
    public static let badCapture = Code(kind: .badCapture)
    /// Anything else; `errno` says more.
    public static let failed = Code(kind: .failed)
  }

  public let code: Code

  /// What the system call said, where there was one.
  public let errno: Errno?

  /// One sentence that says what failed, and one that says what to do.
  public let message: String

  public init(_ code: Code, errno: Errno? = nil, _ message: String) {
    self.code = code
    self.errno = errno
    self.message = message
  }

  /// For failures that this code has no advice on.
  init(failed what: String, _ errno: Errno) {
    self.init(.failed, errno: errno, "\(what): \(errno)")
  }
}

extension LinkError: CustomStringConvertible {
  public var description: String { message }
}
