extension TextbookScenario {
  /// Every scenario that there is, in the order in which one would learn them.
  public static var all: [TextbookScenario] { opening + closing + resets + floods + recovery }

  /// The one of this name; nil: there is none.
  public static func named(_ name: String) -> TextbookScenario? {
    all.first { $0.name.utf8.elementsEqual(name.utf8) }
  }
}
