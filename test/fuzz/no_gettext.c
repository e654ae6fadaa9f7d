/* Preloaded into the sanitized server beside libasan: messages stay untranslated. With libasan preloaded,
   glibc's bindtextdomain() finds its own lock taken and waits for ever, in the server and nowhere else. */
char *bindtextdomain(const char *domain, const char *dir);
char *bindtextdomain(const char *domain, const char *dir) { (void)domain; return (char *)dir; }
char *bind_textdomain_codeset(const char *domain, const char *codeset);
char *bind_textdomain_codeset(const char *domain, const char *codeset) { (void)domain; return (char *)codeset; }
char *textdomain(const char *domain);
char *textdomain(const char *domain) { return (char *)domain; }
char *gettext(const char *text);
char *gettext(const char *text) { return (char *)text; }
char *dgettext(const char *domain, const char *text);
char *dgettext(const char *domain, const char *text) { (void)domain; return (char *)text; }
char *dcgettext(const char *domain, const char *text, int category);
char *dcgettext(const char *domain, const char *text, int category) { (void)domain; (void)category; return (char *)text; }
char *ngettext(const char *one, const char *many, unsigned long n);
char *ngettext(const char *one, const char *many, unsigned long n) { return (char *)(n == 1 ? one : many); }
char *dngettext(const char *domain, const char *one, const char *many, unsigned long n);
char *dngettext(const char *domain, const char *one, const char *many, unsigned long n) { (void)domain; return (char *)(n == 1 ? one : many); }
