"""Text that has broken exporters elsewhere."""

HEBREW = "שלום עולם"
ARABIC = "محمد عبد الله"
FAMILY = "👩‍👩‍👧"

FORMULAS = [
    "=1+1",
    "+44 20 7946 0000",
    "-5 and falling",
    "@SUM(A1)",
    "=cmd|' /C calc'!A0",
    "  =1+1",
    "\t=1+1",
    "\ufeff=1+1",
    "\uff1dHYPERLINK(1)",
    "\uff0b1",
    "\n=1+1",
    '=HYPERLINK("http://example.org","here")',
]

TEXTS = [
    *FORMULAS,
    "O'Brien's “team”",
    "'quoted'",
    "a.*(b|c)[d]{2}\\d+$^",
    "<b>bold</b> & <script>alert(1)</script>",
    '<para><img src="file:///etc/hostname"/></para>',
    "nul\x00bell\x07escape\x1b[31m",
    "lone \ud800 surrogate",
    "two\r\nlines\rand\u2028more",
    "\u202eevil\u202c order",
    f"{FAMILY} 😀 and 日本",
    HEBREW,
    f"said {HEBREW} (12) today",
    ARABIC,
    "",
    " ",
    "\U0010ffff",
    'a,b;c\td"e',
    "%s %d {0} ${x} $x^2$",
]
